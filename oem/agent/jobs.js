// Running commands: each in a folder of its own, which is made once, so that a command handed out twice runs once.

/**
 * @typedef {{
 *   id: string, folder: string, timeoutMs: number, startedAt: number, process: any, pid: number,
 *   state: string, exit: string, reason: string, cancelled: boolean,
 *   copied: Record<string, number>, copiedAt: number, copier: number, copyingSince: number
 * }} Job
 */

var STREAMS = ['stdout', 'stderr'];
var JOBS = FOLDER + '\\jobs';
var MOST_AT_A_TIME = 8;
var COPY_EVERY_MS = 1000;
var LONGEST_TIMEOUT_SECONDS = 604800;

/** What runs in this agent, by id. @type {Record<string, Job>} */
var running = {};

/**
 * Ids become paths: anything but a UUID is no id.
 * @param {string | undefined} id
 */
function isId(id) {
  return id !== undefined && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(id);
}

/** @param {Record<string, any>} map */
function count(map) {
  var n = 0;
  for (var key in map) if (map[key]) n++;
  return n;
}

/** @param {string} id */
function jobFolder(id) {
  return JOBS + '\\' + id;
}

/** @param {string} id */
function newJob(id) {
  /** @type {Job} */
  var job = {
    id: id, folder: jobFolder(id), timeoutMs: 0, startedAt: now(), process: null, pid: 0,
    state: '', exit: '', reason: '', cancelled: false,
    copied: { stdout: 0, stderr: 0 }, copiedAt: now(), copier: 0, copyingSince: 0
  };
  return job;
}

/**
 * Runs a batch file in `directory` and gives the number of its process. No window: it shares our console, which is hidden.
 * @param {string} script
 * @param {string} directory
 * @param {Job} [job]
 * @returns {number}
 */
function startProcess(script, directory, job) {
  shell.CurrentDirectory = directory;
  try {
    var process = shell.Exec('cmd.exe /d /c ' + script);
    if (job !== undefined) job.process = process;
    return Number(process.ProcessID);
  } finally {
    shell.CurrentDirectory = FOLDER;
  }
}

/** @param {number} pid */
function killTree(pid) {
  if (pid > 0) log('taskkill gives ' + runHidden('taskkill /f /t /pid ' + pid));
}

/** From this build on (Windows 10 1809) cmd.exe reads batch files in UTF-8. */
var FIRST_BUILD_WITH_UTF8 = 17763;

/**
 * The command's text as a batch file that cmd.exe reads right: in UTF-8, or in the OEM code page where that does not work.
 * @param {string} text
 * @param {string} path
 */
function writeScript(text, path) {
  var lines = text.replace(/\r\n/g, '\n').replace(/\n/g, '\r\n') + '\r\n';
  if (!/^[\x00-\x7f]*$/.test(lines)) {
    var chcp = Number(buildNumber()) >= FIRST_BUILD_WITH_UTF8 ? 'chcp 65001>nul' : '';
    var before = chcp === '' ? '' : '@' + chcp + '\r\n';
    writeText(path + '.unicode', before + lines, true);
    // Turns UTF-16 into the code page of the console, which the commands share with us.
    runHidden('cmd.exe /d /a /c ' + (chcp === '' ? '' : chcp + '&') + 'type ' + path + '.unicode > ' + path);
    remove(path + '.unicode');
    if (sizeOf(path) >= before.length + lines.length) return;
  }
  writeText(path, lines);
}

/**
 * Puts the command's batch file into its folder: from the share, or written here.
 * @param {Job} job
 * @param {Record<string, string>} order
 */
function fetchScript(job, order) {
  var path = job.folder + '\\job.cmd';
  if (order.script === 'share' && copyWhole(shareFolder(job.id) + '\\job.cmd', path)) return;
  writeScript(order.command || '', path);
}

/**
 * Starts what the server ordered; what was handed out before is only told about again. False: it is not taken, there are too many. When it
 * can not start it has ended, as failed.
 * @param {Record<string, string>} order
 * @param {string} session
 */
function startJob(order, session) {
  var id = order.id;
  if (running[id]) return true;
  if (files.FolderExists(jobFolder(id))) {
    tellAgain(id);
    return true;
  }
  if (count(running) >= MOST_AT_A_TIME) return false;
  var job = newJob(id);
  try {
    makeFolder(JOBS);
    files.CreateFolder(job.folder);
    writeText(job.folder + '\\owner', session);
    var seconds = Number(order.timeout);
    if (!(seconds > 0 && seconds <= LONGEST_TIMEOUT_SECONDS)) throw new Error('the timeout is not a number of seconds');
    job.timeoutMs = seconds * 1000;
    var directory = order.directory || 'C:\\';
    if (directory.substring(0, 2) === '\\\\') throw new Error('cmd.exe can not work in a network folder: give one with a drive letter');
    if (!files.FolderExists(directory)) throw new Error('there is no such directory');
    fetchScript(job, order);
    // A cmd.exe of its own, or an "exit" of the command's would end this one. /q: the lines are not printed before they run.
    writeText(
      job.folder + '\\run.cmd',
      '@echo off\r\n' +
        'cmd.exe /d /q /c ' + job.folder + '\\job.cmd <nul >' + job.folder + '\\stdout 2>' + job.folder + '\\stderr\r\n' +
        '>' + job.folder + '\\exit.new echo %errorlevel%\r\n' +
        'ren ' + job.folder + '\\exit.new exit\r\n'
    );
    job.startedAt = now();
    job.pid = startProcess(job.folder + '\\run.cmd', directory, job);
    running[id] = job;
    log('command ' + id + ': started, process ' + job.pid);
  } catch (e) {
    job.reason = messageOf(e);
    finish(job, 'failed');
  }
  return true;
}

/**
 * The exit code that the command left, or empty while there is none.
 * @param {Job} job
 */
function exitCode(job) {
  var text = readText(job.folder + '\\exit');
  var found = text === null ? null : /^\s*(-?\d+)/.exec(text);
  return found === null ? '' : String(Number(found[1]) | 0);
}

/**
 * Its process is gone, as far as the script host says: not every one knows.
 * @param {Job} job
 */
function isGone(job) {
  try {
    return Number(job.process.Status) !== 0;
  } catch (e) {
    return false;
  }
}

/**
 * Looks whether it has ended, ends it when it must, and follows its output.
 * @param {Job} job
 */
function watch(job) {
  if (job.state !== '') {
    var outcome = copyOutcome(job);
    if (outcome !== undefined) writeResult(job, outcome);
    return;
  }
  var seen = now();
  job.exit = exitCode(job);
  if (job.exit !== '') return finish(job, 'exited');
  if (!job.cancelled && isFile(job.folder + '\\cancel')) job.cancelled = true;
  if (job.cancelled || seen - job.startedAt >= job.timeoutMs) {
    killTree(job.pid);
    return finish(job, job.cancelled ? 'cancelled' : 'timeout');
  }
  if (isGone(job)) {
    job.exit = exitCode(job);
    return finish(job, job.exit !== '' ? 'exited' : 'lost');
  }
  if (seen - job.copiedAt >= COPY_EVERY_MS) {
    copyGrowth(job);
    job.copiedAt = now();
  }
}

/** @returns {number} milliseconds until a look at what runs is worth it: soon after a start, more rarely later */
function watchAll() {
  var youngest = Infinity;
  for (var id in running) {
    if (!running[id]) continue;
    watch(running[id]);
    if (running[id]) youngest = Math.min(youngest, now() - running[id].startedAt);
  }
  return Math.max(50, Math.min(youngest / 10, 500));
}

/**
 * The command is over. Its result follows once the output is copied.
 * @param {Job} job
 * @param {string} state
 */
function finish(job, state) {
  job.state = state;
  log('command ' + job.id + ': ' + state + (job.exit === '' ? '' : ' ' + job.exit));
  var outcome = copyOutput(job);
  if (outcome === undefined) running[job.id] = job;
  else writeResult(job, outcome);
}
