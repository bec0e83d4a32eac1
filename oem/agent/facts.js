// Who this guest is.

var FACT_CHARACTERS = 200;
var WINDOWS_NT = 'HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\';
/** From this build on it is Windows 11, whose registry still says Windows 10. */
var FIRST_BUILD_OF_11 = 22000;

/** Random: it tells one start of the agent from another, and guards nothing. */
function newSession() {
  var text = '';
  while (text.length < 32) text += Math.floor(Math.random() * 16).toString(16);
  return text;
}

function buildNumber() {
  return registry(WINDOWS_NT + 'CurrentBuildNumber');
}

function productName() {
  var name = registry(WINDOWS_NT + 'ProductName');
  return Number(buildNumber()) >= FIRST_BUILD_OF_11 ? name.replace(/^(Microsoft )?Windows 10\b/, '$1Windows 11') : name;
}

/** 10.0.26100. Windows 10 and later say 6.3 where the older ones have their version. */
function fullBuild() {
  var major = registry(WINDOWS_NT + 'CurrentMajorVersionNumber');
  var version = major === '' ? registry(WINDOWS_NT + 'CurrentVersion') : major + '.' + registry(WINDOWS_NT + 'CurrentMinorVersionNumber');
  return version === '' ? '' : version + '.' + buildNumber();
}

/** The address from which it reaches everybody: of the default route, whose line is the same in every language of Windows. */
function ipAddress() {
  var line = /^\s*0\.0\.0\.0\s+0\.0\.0\.0\s+\S+\s+(\d+\.\d+\.\d+\.\d+)/m.exec(capture('route print 0.0.0.0', 'route.txt'));
  return line === null ? '' : line[1];
}

/**
 * @param {string} phase
 * @param {string} session
 */
function gatherFacts(phase, session) {
  /** @type {Record<string, string>} */
  var all = {
    phase: phase,
    session: session,
    agent: AGENT_VERSION,
    windows: productName(),
    build: fullBuild(),
    computer: environment('COMPUTERNAME'),
    guid: registry('HKLM\\SOFTWARE\\Microsoft\\Cryptography\\MachineGuid'),
    user: environment('USERNAME'),
    ip: ipAddress(),
    codepage: registry('HKLM\\SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage\\OEMCP'),
    clock: timestamp()
  };
  /** @type {Record<string, string>} */
  var known = {};
  for (var key in all) if (all[key] !== '') known[key] = all[key].substring(0, FACT_CHARACTERS);
  return known;
}
