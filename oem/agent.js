// What runs inside Windows. Tells vapiorc that this guest is ready (or, with the argument "installed", that its installation
// is done), and tries again until it is heard. JScript as Windows Script Host has it since Windows XP, which is ECMAScript 3:
// no JSON, no trailing commas, no newer methods. Where to report, and the token, are read from the share at every
// start: \\host.lan\Data\guest.cfg, lines of key=value with percent-encoded values. Nothing is kept in the golden image.

var CONFIG = '\\\\host.lan\\Data\\guest.cfg';
var SHORTEST_WAIT_SECONDS = 1;
var LONGEST_WAIT_SECONDS = 30;

function sleep(seconds) {
  WScript.Sleep(seconds * 1000);
}

/** The settings, or null while the share can not be read: the network may not be up yet. */
function readConfig() {
  var config = {};
  try {
    var files = new ActiveXObject('Scripting.FileSystemObject');
    var stream = files.OpenTextFile(CONFIG, 1);
    while (!stream.AtEndOfStream) {
      var line = stream.ReadLine();
      var at = line.indexOf('=');
      if (at > 0) config[line.substring(0, at)] = decodeURIComponent(line.substring(at + 1));
    }
    stream.Close();
  } catch (e) {
    return null;
  }
  return config.server && config.token ? config : null;
}

function registry(name) {
  try {
    return String(new ActiveXObject('WScript.Shell').RegRead('HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\' + name));
  } catch (e) {
    return '';
  }
}

function computerName() {
  try {
    return String(new ActiveXObject('WScript.Shell').ExpandEnvironmentStrings('%COMPUTERNAME%'));
  } catch (e) {
    return '';
  }
}

function report(config, phase) {
  var facts = { phase: phase, windows: registry('ProductName') + ' ' + registry('CurrentBuild'), computer: computerName() };
  var body = '';
  for (var key in facts) body += key + '=' + encodeURIComponent(facts[key]) + '\r\n';
  var http = new ActiveXObject('WinHttp.WinHttpRequest.5.1');
  http.SetTimeouts(5000, 5000, 10000, 10000);
  http.Open('POST', config.server + '/guest/v1/ready', false);
  http.SetRequestHeader('Authorization', 'Bearer ' + config.token);
  http.SetRequestHeader('Content-Type', 'text/plain');
  http.Send(body);
  return http.Status;
}

/** Heard, or told that nobody wants to hear it: an unknown or ended machine. Anything else may pass. */
function isFinal(status) {
  return (status >= 200 && status < 300) || status === 401 || status === 404 || status === 410;
}

function main() {
  var phase = WScript.Arguments.length > 0 ? String(WScript.Arguments(0)) : 'ready';
  var wait = SHORTEST_WAIT_SECONDS;
  for (;;) {
    var config = readConfig();
    if (config !== null) {
      try {
        if (isFinal(report(config, phase))) return;
      } catch (e) {
        // No answer. The wait below is for that.
      }
    }
    sleep(wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_SECONDS);
  }
}

main();
