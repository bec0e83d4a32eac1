// What a command writes: in files on the guest's own disk, copied to the share, or sent as text when the share takes nothing.

/** A stream is copied while it grows as long as it has no more bytes than this. */
var STREAMED_BYTES = 262144;
/** Larger files are copied by a process of their own, so that the agent goes on with its heartbeats. */
var COPIED_AT_ONCE_BYTES = 1048576;
var COPY_LIMIT_MS = 3600000;
var TEXT_CHARACTERS = 65536;
/** Both texts, percent-encoded, must fit into a call (512 KiB). */
var ENCODED_CHARACTERS = 250000;

/** @param {string} id */
function shareFolder(id) {
  return SHARE + '\\commands\\' + id;
}

/**
 * Copies a file to the share; false when it did not arrive whole.
 * @param {string} from
 * @param {string} to
 */
function copyWhole(from, to) {
  try {
    files.CopyFile(from, to, true);
    return Number(files.GetFile(to).Size) === Number(files.GetFile(from).Size);
  } catch (e) {
    return false;
  }
}

/**
 * Copies what has grown, and notes in `job.copied` how much lies on the share.
 * @param {Job} job
 */
function copyGrowth(job) {
  for (var i = 0; i < STREAMS.length; i++) {
    var stream = STREAMS[i];
    var size = sizeOf(job.folder + '\\' + stream);
    if (size === job.copied[stream] || size > STREAMED_BYTES) continue;
    try {
      var target = shareFolder(job.id) + '\\' + stream;
      files.CopyFile(job.folder + '\\' + stream, target, true);
      job.copied[stream] = Number(files.GetFile(target).Size);
    } catch (e) {
      // No share, or nothing left on it. The result will say.
    }
  }
}

/**
 * Copies both streams whole: at once (true, false), or in a process of its own (undefined), which `copyOutcome` follows.
 * @param {Job} job
 * @returns {boolean | undefined}
 */
function copyOutput(job) {
  if (!files.FolderExists(shareFolder(job.id))) return false;
  var bytes = sizeOf(job.folder + '\\stdout') + sizeOf(job.folder + '\\stderr');
  if (bytes <= COPIED_AT_ONCE_BYTES) {
    for (var i = 0; i < STREAMS.length; i++) {
      var from = job.folder + '\\' + STREAMS[i];
      if (isFile(from) && !copyWhole(from, shareFolder(job.id) + '\\' + STREAMS[i])) return false;
    }
    return true;
  }
  var script = '@echo off\r\n';
  for (var n = 0; n < STREAMS.length; n++) {
    var source = job.folder + '\\' + STREAMS[n];
    if (isFile(source)) {
      script += 'copy /b /y ' + source + ' ' + shareFolder(job.id) + '\\' + STREAMS[n] + ' >nul\r\nif errorlevel 1 goto failed\r\n';
    }
  }
  script += '>' + job.folder + '\\copied echo yes\r\ngoto end\r\n:failed\r\n>' + job.folder + '\\copied echo no\r\n:end\r\n';
  try {
    writeText(job.folder + '\\copy.cmd', script);
    job.copier = startProcess(job.folder + '\\copy.cmd', FOLDER);
    job.copyingSince = now();
    return undefined;
  } catch (e) {
    return false;
  }
}

/**
 * How the copying by another process went: undefined while it goes on.
 * @param {Job} job
 * @returns {boolean | undefined}
 */
function copyOutcome(job) {
  var word = readText(job.folder + '\\copied');
  if (word !== null && word !== '') return /^yes/.test(word);
  if (now() - job.copyingSince < COPY_LIMIT_MS) return undefined;
  killTree(job.copier);
  return false;
}

/**
 * The beginning of a stream as text. A console program writes in the OEM code page, which cmd.exe turns into Unicode for us;
 * read as it is, where it can not.
 * @param {Job} job
 * @param {string} stream
 */
function streamText(job, stream) {
  var path = job.folder + '\\' + stream;
  var text = readText(path, TEXT_CHARACTERS) || '';
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  var head = path + '.head';
  var unicode = path + '.unicode';
  var converted = null;
  try {
    writeText(head, text);
    runHidden('cmd.exe /d /u /c type ' + head + ' > ' + unicode);
    converted = readText(unicode, TEXT_CHARACTERS, true);
  } catch (e) {
    log('command ' + job.id + ': ' + stream + ' is sent as it is: ' + messageOf(e));
  }
  remove(head);
  remove(unicode);
  return converted || text;
}

/**
 * As much of the text as fits into a call beside the other one.
 * @param {string} text
 */
function bounded(text) {
  var length = encode(text).length;
  while (length > ENCODED_CHARACTERS) {
    text = text.substring(0, Math.floor((text.length * ENCODED_CHARACTERS) / length) - 1);
    length = encode(text).length;
  }
  return text;
}
