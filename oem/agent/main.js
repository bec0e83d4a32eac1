// What the agent does, by its argument: nothing or "service" (work for ever), "installed", "failed" and "progress" (from install.bat).

var EXIT_DONE = 0;
var EXIT_REFUSED = 2;
var LONG_POLL_SECONDS = 25;
/** The server answers a call that waits for nothing well within this. */
var CALL_SECONDS = 15;
var PROGRESS_SECONDS = 5;
/** While a command runs the server is asked this often for more. */
var POLL_EVERY_MS = 500;
var STRANGE_ANSWER_MS = 1000;
var TAKE_UP_EVERY_MS = 2000;
var UNSET_CLOCK_MS = 10000;

var mustReport = true;
var reportedAt = 0;
var pollNotBefore = 0;
var tookUpAt = 0;
/** One that is not taken does not keep the server's next order away. */
var isResultsTurn = true;

/** While an answer is awaited: false when another agent has taken over. */
function staysLeading() {
  touch();
  return leads();
}

function goesOn() {
  touch();
  return true;
}

/**
 * Reports who this is, and does what the server says to it. True: it was heard, and there is nothing to be changed first.
 * @param {Record<string, string>} facts
 * @param {() => boolean} meanwhile
 * @returns {'done' | 'refused' | 'later'}
 */
function report(facts, meanwhile) {
  var answer = call('ready', facts, CALL_SECONDS, meanwhile);
  var outcome = heed('ready', answer);
  if (answer === null || outcome !== 'done') return outcome;
  var lines = answer.lines;
  if (lines['do'] === 'sync') {
    if (!setClock(Number(lines.time))) callNotBefore(UNSET_CLOCK_MS);
    return 'later';
  }
  if (lines['do'] === 'rename') {
    callNotBefore(rename(lines.name || '') ? RESTART_LIMIT_MS : LONGEST_WAIT_MS);
    return 'later';
  }
  return 'done';
}

/**
 * @param {string} id
 * @param {Record<string, string>} lines
 * @returns {boolean} it is over with
 */
function sendResult(id, lines) {
  /** @type {Record<string, string>} */
  var fields = { session: session };
  for (var key in lines) fields[key] = lines[key];
  if (heed('result', call('result', fields, CALL_SECONDS, goesOn)) === 'later') return false;
  noteSent(id);
  return true;
}

/** The long poll. It does not wait while something runs, whose end must be seen. */
function askNext() {
  var idle = count(running) === 0;
  var ids = [];
  /** @type {Record<string, string>} */
  var fields = { session: session, wait: String(idle && count(elsewhere) + count(results) === 0 ? LONG_POLL_SECONDS : 0) };
  for (var id in running) {
    if (!running[id]) continue;
    ids.push(id);
    fields['output.' + id] = running[id].copied.stdout + ',' + running[id].copied.stderr;
  }
  for (var pending in results) ids.push(pending);
  for (var other in elsewhere) ids.push(other);
  fields.running = ids.join(',');
  var asked = now();
  pollNotBefore = asked + POLL_EVERY_MS;
  var answer = call('next', fields, LONG_POLL_SECONDS + CALL_SECONDS, staysLeading);
  if (answer === null && !leads()) return;
  if (heed('next', answer) === 'refused') callNotBefore(STRANGE_ANSWER_MS);
  if (answer !== null && answer.status === 200) obey(answer.lines, now() - asked);
}

/**
 * @param {Record<string, string>} order
 * @param {number} waitedMs
 */
function obey(order, waitedMs) {
  var verb = order['do'];
  if (verb === 'ready') {
    mustReport = true;
    if (now() - reportedAt < STRANGE_ANSWER_MS) callNotBefore(STRANGE_ANSWER_MS);
  } else if (verb === 'run' && isId(order.id)) {
    if (startJob(order, session)) pollNotBefore = 0;
    else callNotBefore(STRANGE_ANSWER_MS);
  } else if (verb === 'cancel' && isId(order.id)) {
    cancel(order.id);
  } else if (verb !== 'none' || (count(running) === 0 && waitedMs < STRANGE_ANSWER_MS)) {
    // Not one of this version's, or an answer that should have taken its time.
    if (verb !== 'none') log('next: an answer that is not understood');
    callNotBefore(STRANGE_ANSWER_MS);
  }
}

/** The next thing to say to the server. */
function speak() {
  if (!hasSettings()) return;
  if (mustReport) {
    if (report(gatherFacts('ready', session), staysLeading) !== 'later') mustReport = false;
    reportedAt = now();
    return;
  }
  if (isResultsTurn) {
    for (var id in results) {
      isResultsTurn = sendResult(id, results[id]);
      return;
    }
  }
  isResultsTurn = true;
  if (count(elsewhere) > 0 && now() - tookUpAt >= TAKE_UP_EVERY_MS) {
    for (var other in elsewhere) takeUp(other, isAliveElsewhere);
    tookUpAt = now();
  }
  if (count(running) === 0 || now() >= pollNotBefore) askNext();
}

/** One turn of the agent's work. */
function turn() {
  var leading = leads();
  if (leading && !wasLeading) {
    log('speaks to the server');
    mustReport = true;
    takeUpAll(isAliveElsewhere);
    clean();
  }
  if (!leading && wasLeading) log('leaves the server to the agent of the desktop');
  wasLeading = leading;
  // One that stands by keeps its file only while it still runs commands.
  if (leading || count(running) > 0) touch();
  var pauseMs = count(running) > 0 ? watchAll() : TOUCH_EVERY_MS;
  if (!leading) {
    results = {};
    return sleep(pauseMs);
  }
  var waitMs = contact.notBefore - now();
  if (waitMs > 0) return sleep(Math.min(waitMs, pauseMs));
  speak();
  // A command was just started: the server may have another one.
  if (count(running) > 0 && now() < pollNotBefore) sleep(watchAll());
}

/** @returns {number} */
function work() {
  log('starts as ' + agentKind + ', version ' + AGENT_VERSION);
  for (;;) {
    try {
      turn();
    } catch (e) {
      log('fault: ' + messageOf(e));
      sleep(TOUCH_EVERY_MS);
    }
  }
}

/**
 * Reports until it is heard.
 * @param {Record<string, string>} facts
 */
function reportInsistently(facts) {
  for (;;) {
    var waitMs = contact.notBefore - now();
    if (waitMs > 0) sleep(waitMs);
    if (!hasSettings()) continue;
    facts.clock = timestamp();
    var outcome = report(facts, function () {
      return true;
    });
    if (outcome !== 'later') return outcome === 'done' ? EXIT_DONE : EXIT_REFUSED;
  }
}

/**
 * Once, and whoever does not listen has missed it.
 * @param {string} step
 * @param {string} done
 * @param {string} of
 */
function tellProgress(step, done, of) {
  if (!hasSettings()) return;
  var answer = call('progress', { step: step.substring(0, FACT_CHARACTERS), done: done, of: of }, PROGRESS_SECONDS, function () {
    return true;
  });
  if (answer !== null && answer.status !== 200) log('progress: answered ' + answer.status);
}

/** @param {number} n */
function argument(n) {
  return n < WScript.Arguments.length ? String(WScript.Arguments.Item(n)) : '';
}

function main() {
  var what = argument(0);
  makeFolder(FOLDER);
  if (what === '' && /wscript\.exe$/i.test(String(WScript.FullName))) {
    // The console host without its window: the commands get that console, and none of them opens a window of its own.
    shell.Run('cmd.exe /d /c ' + FOLDER + '\\agent.cmd desktop', HIDDEN, false);
    return EXIT_DONE;
  }
  if (what === 'progress') {
    tellProgress(argument(1), argument(2), argument(3));
    return EXIT_DONE;
  }
  if (what === 'installed' || what === 'failed') {
    var facts = gatherFacts(what, session);
    if (what === 'failed') {
      facts.step = argument(1).substring(0, FACT_CHARACTERS);
      facts.reason = argument(2).substring(0, FACT_CHARACTERS);
    }
    return reportInsistently(facts);
  }
  if (what === 'service') {
    agentKind = 'service';
    logFile = FOLDER + '\\service.log';
  }
  return work();
}

WScript.Quit(main());
