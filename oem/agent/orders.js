// What the server may have changed in Windows itself: the clock, and the computer's name.

var CLOCK_TOLERANCE_MS = 2000;
var PRIVILEGE_SYSTEM_TIME = 11;
var PRIVILEGE_SHUTDOWN = 18;
var RENAME_TRIES = 2;
var RESTART_LIMIT_MS = 120000;

/**
 * The only object of a WMI class, with a privilege at hand.
 * @param {string} name
 * @param {number} privilege
 */
function theOnly(name, privilege) {
  var wmi = new ActiveXObject('WbemScripting.SWbemLocator').ConnectServer('.', 'root\\cimv2');
  wmi.Security_.Privileges.Add(privilege);
  return new Enumerator(wmi.ExecQuery('SELECT * FROM ' + name)).item();
}

/**
 * As WMI writes a time, in UTC: 20261123153726.000000+000.
 * @param {Date} date
 */
function wmiTime(date) {
  return (
    date.getUTCFullYear() + twoDigits(date.getUTCMonth() + 1) + twoDigits(date.getUTCDate()) +
    twoDigits(date.getUTCHours()) + twoDigits(date.getUTCMinutes()) + twoDigits(date.getUTCSeconds()) + '.000000+000'
  );
}

/**
 * Sets the clock to `time` (UTC milliseconds since 1970) and says whether it is right then.
 * @param {number} time
 */
function setClock(time) {
  if (!(time > 946684800000 && time < 4102444800000)) {
    log('sync: not a time of this century');
    return false;
  }
  var heardAt = now();
  var isRight = function () {
    return Math.abs(new Date().getTime() - (time + now() - heardAt)) < CLOCK_TOLERANCE_MS;
  };
  if (isRight()) return true;
  try {
    log('sync: by WMI, ' + theOnly('Win32_OperatingSystem', PRIVILEGE_SYSTEM_TIME).SetDateTime(wmiTime(new Date(time))));
  } catch (e) {
    log('sync: not by WMI: ' + messageOf(e));
  }
  if (isRight()) return true;
  runHidden('net start w32time');
  log('sync: w32tm gives ' + runHidden('w32tm /resync /force'));
  return isRight();
}

/**
 * Gives Windows another name with the next start, by WMI (XP and later), or where that is missing as it keeps the name.
 * @param {string} name
 * @param {boolean} byWmi
 */
function setName(name, byWmi) {
  if (byWmi) {
    try {
      var result = theOnly('Win32_ComputerSystem', PRIVILEGE_SHUTDOWN).Rename(name);
      log('rename: by WMI, ' + result);
      if (Number(result) === 0) return;
    } catch (e) {
      log('rename: not by WMI: ' + messageOf(e));
    }
  }
  var control = 'HKLM\\SYSTEM\\CurrentControlSet\\';
  shell.RegWrite(control + 'Control\\ComputerName\\ComputerName\\ComputerName', name, 'REG_SZ');
  shell.RegWrite(control + 'Services\\Tcpip\\Parameters\\NV Hostname', name, 'REG_SZ');
  shell.RegWrite(control + 'Services\\Tcpip\\Parameters\\Hostname', name, 'REG_SZ');
}

/**
 * Renames Windows and restarts it; false when it will not. A name that is not there after two restarts is not tried again: a
 * Windows that keeps its name (by a policy, say) must not restart for ever.
 * @param {string} name
 */
function rename(name) {
  if (!/^[A-Za-z0-9-]{1,15}$/.test(name)) {
    log('rename: not a computer name');
    return false;
  }
  var triesFile = FOLDER + '\\rename.txt';
  var before = (readText(triesFile) || '').split(' ');
  var tries = before[0] === name ? Number(before[1]) : 0;
  if (!(tries < RENAME_TRIES)) {
    log('rename: ' + name + ' did not last; Windows is not restarted again');
    return false;
  }
  try {
    writeText(triesFile, name + ' ' + (tries + 1));
    setName(name, tries === 0);
  } catch (e) {
    log('rename: ' + messageOf(e));
    return false;
  }
  log('rename: to ' + name + ', and restart');
  return runHidden('shutdown -r -t 0 -f') === 0;
}
