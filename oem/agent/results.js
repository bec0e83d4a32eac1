// Results: kept in the command's folder until the server has taken them, so that they outlive a restart of Windows, and so that the
// agent that speaks to the server also sends what another one ran.

var KEPT_FOLDERS = 20;
var KEPT_OUTPUT_BYTES = 1048576;

/** Results that the server has not taken yet, as lines without the session, by id. @type {Record<string, Record<string, string>>} */
var results = {};
/** Commands that another agent, which does not speak to the server now, still runs. @type {Record<string, boolean>} */
var elsewhere = {};
var sentSinceCleaning = 0;

/**
 * @param {Job} job
 * @param {boolean} onShare
 */
function writeResult(job, onShare) {
  /** @type {Record<string, string>} */
  var lines = { id: job.id, state: job.state };
  if (job.state === 'exited') lines.exit = job.exit;
  if (job.reason !== '') lines.reason = job.reason.substring(0, FACT_CHARACTERS);
  for (var i = 0; i < STREAMS.length; i++) {
    lines[STREAMS[i]] = String(sizeOf(job.folder + '\\' + STREAMS[i]));
    if (!onShare) lines[STREAMS[i] + '.text'] = bounded(streamText(job, STREAMS[i]));
  }
  lines.via = onShare ? 'share' : 'here';
  try {
    writeText(job.folder + '\\result', formatLines(lines));
  } catch (e) {
    log('command ' + job.id + ': the result is kept in memory only: ' + messageOf(e));
  }
  delete running[job.id];
  results[job.id] = lines;
}

/**
 * The server took the result, or will never.
 * @param {string} id
 */
function noteSent(id) {
  delete results[id];
  var folder = jobFolder(id);
  if (!files.FolderExists(folder)) return;
  try {
    writeText(folder + '\\sent', timestamp());
    for (var i = 0; i < STREAMS.length; i++) {
      if (sizeOf(folder + '\\' + STREAMS[i]) > KEPT_OUTPUT_BYTES) remove(folder + '\\' + STREAMS[i]);
    }
  } catch (e) {
    log('command ' + id + ': it will be reported again after a restart: ' + messageOf(e));
  }
  sentSinceCleaning++;
  if (sentSinceCleaning >= KEPT_FOLDERS) clean();
}

/** Ids of the commands that have a folder, the newest first. */
function knownIds() {
  var lines = capture('dir /b /ad /o-d ' + JOBS + ' 2>nul', 'jobs.' + agentKind + '.txt').replace(/\r/g, '').split('\n');
  var ids = [];
  for (var i = 0; i < lines.length; i++) if (isId(lines[i])) ids.push(lines[i]);
  return ids;
}

/** Removes the folders of commands that are over and told, but for the last ones. */
function clean() {
  sentSinceCleaning = 0;
  var kept = 0;
  var ids = knownIds();
  for (var i = 0; i < ids.length; i++) {
    if (!isFile(jobFolder(ids[i]) + '\\sent')) continue;
    kept++;
    if (kept <= KEPT_FOLDERS) continue;
    try {
      files.DeleteFolder(jobFolder(ids[i]), true);
    } catch (e) {
      // A program of the command's still uses it. Next time.
    }
  }
}

/**
 * The result of a command that we do not run ourselves. `isAlive` says whether an agent with a session still works.
 * @param {string} id
 * @param {(session: string) => boolean} isAlive
 */
function takeUp(id, isAlive) {
  var folder = jobFolder(id);
  delete elsewhere[id];
  if (running[id] || results[id] || isFile(folder + '\\sent')) return;
  var text = readText(folder + '\\result');
  if (text !== null) {
    try {
      results[id] = parseLines(text);
      return;
    } catch (e) {
      log('command ' + id + ': its result can not be read');
    }
  }
  if (isAlive(readText(folder + '\\owner') || '')) {
    elsewhere[id] = true;
    return;
  }
  var job = newJob(id);
  job.exit = exitCode(job);
  finish(job, job.exit === '' ? 'lost' : 'exited');
}

/**
 * Looks at all that was begun and not told.
 * @param {(session: string) => boolean} isAlive
 */
function takeUpAll(isAlive) {
  var ids = knownIds();
  for (var i = 0; i < ids.length; i++) takeUp(ids[i], isAlive);
}

/**
 * The server asks about a command that does not run here: its result was lost on the way, or the command itself.
 * @param {string} id
 */
function tellAgain(id) {
  if (results[id] || elsewhere[id]) return;
  var kept = readText(jobFolder(id) + '\\result');
  results[id] = kept === null ? { id: id, state: 'lost' } : parseLines(kept);
}

/**
 * Ends a command on the server's order; one that nobody knows is lost.
 * @param {string} id
 */
function cancel(id) {
  log('command ' + id + ': to be cancelled');
  if (running[id]) running[id].cancelled = true;
  else if (elsewhere[id]) writeText(jobFolder(id) + '\\cancel', '');
  else tellAgain(id);
}
