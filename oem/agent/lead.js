// Of all agents in this Windows one speaks to the server: one in a user's desktop, or, while there is none, the one that Windows
// started as SYSTEM. Each writes its session into a file, again and again, and looks whether the others' files still change.

var TOUCH_EVERY_MS = 1000;
/** How long a file must stand still at first sight, and how long one that was seen to change. */
var FIRST_LOOK_MS = 3000;
var DEAD_MS = 60000;
/** How long SYSTEM waits for the desktop where Windows logs a user on by itself. */
var LOGON_MS = 180000;

/** Whether this agent spoke to the server in its last turn. */
var wasLeading = false;
/** 'desktop' or 'service'. */
var agentKind = 'desktop';
var session = newSession();
var startedAt = now();
var touchedAt = -TOUCH_EVERY_MS;

/** @typedef {{ text: string, since: number, changes: boolean }} Sight */
/** What the files said when they were last seen to change. @type {Record<string, Sight>} */
var sights = {};

/** @param {string} kind */
function aliveFile(kind) {
  return FOLDER + '\\' + kind + '.alive';
}

/**
 * Looks at the file of a kind of agent, and says whether another agent than this keeps it up.
 * @param {string} kind
 */
function look(kind) {
  var text = readText(aliveFile(kind)) || '';
  var sight = sights[kind];
  if (sight === undefined) {
    sights[kind] = { text: text, since: now(), changes: false };
  } else if (text !== '' && text !== sight.text) {
    sights[kind] = { text: text, since: now(), changes: true };
  }
  return isAnother(kind);
}

/** @param {string} kind */
function isAnother(kind) {
  var sight = sights[kind];
  if (sight === undefined || sight.text === '') return false;
  var other = sight.text.split(' ')[0];
  if (other === session) return false;
  // Two that started in the same moment: one of them stays.
  if (wasLeading && kind === agentKind && other > session) return false;
  if (sight.changes) return now() - sight.since < DEAD_MS;
  // Never seen to change: one that died before the last restart of Windows, most often long ago.
  var age = new Date().getTime() - Number(sight.text.split(' ')[1]);
  return Math.abs(age) < DEAD_MS && now() - sight.since < FIRST_LOOK_MS;
}

/**
 * Whether an agent with this session is alive and is not us.
 * @param {string} other
 */
function isAliveElsewhere(other) {
  for (var kind in sights) if (sights[kind].text.split(' ')[0] === other && look(kind)) return true;
  return false;
}

/** Says in its file that this agent is alive, once a second. */
function touch() {
  if (now() - touchedAt < TOUCH_EVERY_MS) return;
  touchedAt = now();
  try {
    var stream = files.CreateTextFile(aliveFile(agentKind), true);
    stream.Write(session + ' ' + new Date().getTime());
    stream.Close();
  } catch (e) {
    // Somebody reads it just now. In a second again.
  }
}

function logsOnByItself() {
  return registry(WINDOWS_NT + 'Winlogon\\AutoAdminLogon') === '1';
}

/** Whether it is up to this agent to speak to the server. */
function leads() {
  var desktop = look('desktop');
  if (agentKind === 'service') {
    if (desktop || look('service')) return false;
    return now() - startedAt >= LOGON_MS || !logsOnByItself() || hasSeenDesktop();
  }
  look('service');
  return !desktop;
}

/** A desktop was there, and is no more. */
function hasSeenDesktop() {
  return sights.desktop !== undefined && sights.desktop.changes;
}
