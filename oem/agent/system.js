// The agent inside Windows, part by part: install.bat joins these files into C:\vapiorc\agent.js. JScript as Windows Script Host has
// it since Windows XP, which is ECMAScript 3: no JSON, no trailing commas, no newer methods. What it says to the server, and what it
// hears, is in PROTOCOL.md. This part: files, processes, time and the log.

var AGENT_VERSION = '1.0.0';
var FOLDER = 'C:\\vapiorc';
var SHARE = '\\\\host.lan\\Data';
var LOG_BYTES = 1048576;
var FOR_READING = 1;
var FOR_APPENDING = 8;
var HIDDEN = 0;

var files = new ActiveXObject('Scripting.FileSystemObject');
var shell = new ActiveXObject('WScript.Shell');

var clock = { last: new Date().getTime(), elapsed: 0 };

/** Milliseconds that only go forward, whoever sets the clock: a step back, or of more than two minutes, is no time passed. */
function now() {
  var real = new Date().getTime();
  var step = real - clock.last;
  clock.last = real;
  if (step > 0 && step < 120000) clock.elapsed += step;
  return clock.elapsed;
}

/**
 * Runs a program without a window, waits for it, and gives its exit code; -1 when there is no such program.
 * @param {string} line
 */
function runHidden(line) {
  try {
    return Number(shell.Run(line, HIDDEN, true));
  } catch (e) {
    return -1;
  }
}

/**
 * Not every script host has Sleep: Wine's lacks it. There a ping waits a second between two packets, and a start of cmd.exe some 100 ms.
 * @param {number} ms
 */
function sleep(ms) {
  try {
    WScript.Sleep(Math.ceil(ms));
  } catch (e) {
    runHidden(ms < 1000 ? 'cmd.exe /d /c exit 0' : 'ping -n ' + (Math.floor(ms / 1000) + 1) + ' 127.0.0.1');
  }
}

/** @param {string} path */
function isFile(path) {
  return Boolean(files.FileExists(path));
}

/**
 * Bytes of a file, or 0. Opened first, because NTFS tells the size of a file that is being written only after that.
 * @param {string} path
 */
function sizeOf(path) {
  try {
    files.OpenTextFile(path, FOR_READING).Close();
  } catch (e) {
    // Somebody holds it for himself. What the folder says of it is as good as it gets.
  }
  try {
    return Number(files.GetFile(path).Size);
  } catch (e) {
    return 0;
  }
}

/**
 * The beginning of a file in the ANSI code page (`unicode`: UTF-16), or null when it can not be read.
 * @param {string} path
 * @param {number} [characters]
 * @param {boolean} [unicode]
 * @returns {string | null}
 */
function readText(path, characters, unicode) {
  try {
    var stream = files.OpenTextFile(path, FOR_READING, false, unicode ? -1 : 0);
    var text = '';
    try {
      if (!stream.AtEndOfStream) text = String(characters === undefined ? stream.ReadAll() : stream.Read(characters));
    } finally {
      stream.Close();
    }
    return text;
  } catch (e) {
    return null;
  }
}

/**
 * Writes a file, whole or not at all: under another name first. Throws when the disk is full, say.
 * @param {string} path
 * @param {string} text
 * @param {boolean} [unicode]
 */
function writeText(path, text, unicode) {
  var stream = files.CreateTextFile(path + '.new', true, Boolean(unicode));
  try {
    stream.Write(text);
  } finally {
    stream.Close();
  }
  remove(path);
  files.MoveFile(path + '.new', path);
}

/** @param {string} path */
function remove(path) {
  try {
    files.DeleteFile(path, true);
  } catch (e) {
    // It was not there.
  }
}

/** @param {string} path */
function makeFolder(path) {
  try {
    files.CreateFolder(path);
  } catch (e) {
    // It is there. If not, what is put into it fails.
  }
}

/**
 * What a program prints, in the ANSI code page. `file`: where it is caught, one for each purpose.
 * @param {string} line
 * @param {string} file
 */
function capture(line, file) {
  var path = FOLDER + '\\' + file;
  runHidden('cmd.exe /d /c ' + line + ' > ' + path);
  var text = readText(path);
  remove(path);
  return text === null ? '' : text;
}

/** @param {string} name */
function environment(name) {
  var value = String(shell.ExpandEnvironmentStrings('%' + name + '%'));
  return value === '%' + name + '%' ? '' : value;
}

/** @param {string} name */
function registry(name) {
  try {
    return String(shell.RegRead(name));
  } catch (e) {
    return '';
  }
}

/** @param {number} n */
function twoDigits(n) {
  return (n < 10 ? '0' : '') + n;
}

/** The clock, in UTC: 2026-11-23T15:37:26Z. */
function timestamp() {
  var date = new Date();
  return (
    date.getUTCFullYear() + '-' + twoDigits(date.getUTCMonth() + 1) + '-' + twoDigits(date.getUTCDate()) +
    'T' + twoDigits(date.getUTCHours()) + ':' + twoDigits(date.getUTCMinutes()) + ':' + twoDigits(date.getUTCSeconds()) + 'Z'
  );
}

var logFile = FOLDER + '\\agent.log';

/**
 * Never with a token, and nothing of a command: anybody in this Windows may read the log. A full one is kept once.
 * @param {string} text
 */
function log(text) {
  try {
    if (isFile(logFile) && Number(files.GetFile(logFile).Size) > LOG_BYTES) {
      remove(logFile + '.1');
      files.MoveFile(logFile, logFile + '.1');
    }
    var stream = files.OpenTextFile(logFile, FOR_APPENDING, true);
    stream.WriteLine(timestamp() + ' ' + text.replace(/[^\x20-\x7e]/g, '?'));
    stream.Close();
  } catch (e) {
    // Another agent is writing to it, or the disk is full. The work goes on.
  }
}

/**
 * What went wrong, as text.
 * @param {any} e
 */
function messageOf(e) {
  return String((e && e.message) || e).replace(/\s+/g, ' ') + (e && e.number ? ' (' + (e.number >>> 0).toString(16) + ')' : '');
}
