// Speaking to the server: settings from the share, calls with two URLs to try, and when to call again.

var FIRST_WAIT_MS = 1000;
var LONGEST_WAIT_MS = 30000;
var UNKNOWN_WAIT_MS = 30000;
var CONNECT_MS = 5000;
/** An answer holds at most a command; more than this is not from our server. */
var ANSWER_CHARACTERS = 1048576;

/** @typedef {{ urls: string[], token: string }} Settings */
/** @typedef {{ status: number, lines: Record<string, string>, retryAfterMs: number }} Answer */

/** When to call again, and with what. `notBefore` is in milliseconds of now(). */
var contact = { notBefore: 0, waitMs: FIRST_WAIT_MS, url: 0, settings: /** @type {Settings | null} */ (null) };

/**
 * Lines of key=value with percent-encoded values. Throws when a value is not.
 * @param {string} text
 */
function parseLines(text) {
  /** @type {Record<string, string>} */
  var found = {};
  var lines = text.replace(/\r/g, '').split('\n');
  for (var i = 0; i < lines.length; i++) {
    var at = lines[i].indexOf('=');
    if (at > 0) found[lines[i].substring(0, at)] = decodeURIComponent(lines[i].substring(at + 1));
  }
  return found;
}

/**
 * As percent-encoded UTF-8. A half of a character, which can not be encoded, becomes a question mark.
 * @param {string} text
 */
function encode(text) {
  try {
    return encodeURIComponent(text);
  } catch (e) {
    return encodeURIComponent(
      text.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g, function (found) {
        return found.length === 2 ? found : '?';
      })
    );
  }
}

/** @param {Record<string, string>} fields */
function formatLines(fields) {
  var text = '';
  for (var key in fields) text += key + '=' + encode(fields[key]) + '\r\n';
  return text;
}

/**
 * Who the server is, and our token: read at every start, so that nothing of one machine is in the golden image.
 * @returns {Settings | null}
 */
function readSettings() {
  var text = readText(SHARE + '\\guest.cfg');
  if (text === null) return null;
  try {
    var found = parseLines(text);
    if (!found.server || !found.token) return null;
    return { urls: found.fallback ? [found.server, found.fallback] : [found.server], token: found.token };
  } catch (e) {
    return null;
  }
}

/**
 * The whole of an answer, or null when `meanwhile` (asked every second) says not to wait for it. Throws without an answer.
 * @param {string} url
 * @param {string} token
 * @param {string} body
 * @param {number} seconds
 * @param {() => boolean} meanwhile
 * @returns {Answer | null}
 */
function post(url, token, body, seconds, meanwhile) {
  var http = new ActiveXObject('WinHttp.WinHttpRequest.5.1');
  http.SetProxy(1); // none: the server is next door, and a proxy of the user's does not know it
  http.SetTimeouts(CONNECT_MS, CONNECT_MS, 10000, seconds * 1000);
  http.Open('POST', url, true);
  http.SetRequestHeader('Authorization', 'Bearer ' + token);
  http.SetRequestHeader('Content-Type', 'text/plain');
  http.Send(body);
  var deadline = now() + seconds * 1000 + 2 * CONNECT_MS;
  while (!http.WaitForResponse(1)) {
    var goesOn = meanwhile();
    if (!goesOn || now() > deadline) {
      http.Abort();
      if (!goesOn) return null;
      throw new Error('no answer in ' + seconds + ' s');
    }
  }
  var status = Number(http.Status);
  var retryAfter = status === 429 ? Number(header(http, 'Retry-After')) : 0;
  var text = status === 200 ? String(http.ResponseText) : '';
  if (text.length > ANSWER_CHARACTERS) throw new Error('the answer is too long');
  return { status: status, lines: parseLines(text), retryAfterMs: retryAfter > 0 ? retryAfter * 1000 : FIRST_WAIT_MS };
}

/**
 * @param {any} http
 * @param {string} name
 */
function header(http, name) {
  try {
    return String(http.GetResponseHeader(name));
  } catch (e) {
    return '';
  }
}

/**
 * One call, at the other URL when the first does not answer; null when none did, or when it was broken off.
 * @param {string} name
 * @param {Record<string, string>} fields
 * @param {number} seconds
 * @param {() => boolean} meanwhile
 * @returns {Answer | null}
 */
function call(name, fields, seconds, meanwhile) {
  var settings = contact.settings;
  if (settings === null) return null;
  for (var tries = 0; tries < settings.urls.length; tries++) {
    try {
      var url = settings.urls[contact.url % settings.urls.length].replace(/\/+$/, '') + '/guest/v1/' + name;
      return post(url, settings.token, formatLines(fields), seconds, meanwhile);
    } catch (e) {
      log(name + ': no answer from URL ' + ((contact.url % settings.urls.length) + 1) + ': ' + messageOf(e));
      contact.url = (contact.url + 1) % settings.urls.length;
    }
  }
  return null;
}

/** @param {number} ms */
function callNotBefore(ms) {
  contact.notBefore = now() + ms;
}

/** Waits twice as long as the last time before the next call. */
function backOff() {
  callNotBefore(contact.waitMs);
  contact.waitMs = Math.min(contact.waitMs * 2, LONGEST_WAIT_MS);
}

/** Reads the settings unless they are known. */
function hasSettings() {
  if (contact.settings === null) contact.settings = readSettings();
  if (contact.settings === null) backOff();
  return contact.settings !== null;
}

/**
 * What an answer means for the call that it answers: it is done, it stays wrong, or it is to be tried again later.
 * @param {string} name
 * @param {Answer | null} answer
 * @returns {'done' | 'refused' | 'later'}
 */
function heed(name, answer) {
  if (answer === null) {
    backOff();
    return 'later';
  }
  if (answer.status === 200) {
    contact.waitMs = FIRST_WAIT_MS;
    return 'done';
  }
  log(name + ': answered ' + answer.status);
  if (answer.status === 400 || answer.status === 413) return 'refused';
  if (answer.status === 429) callNotBefore(answer.retryAfterMs);
  else if (answer.status === 401 || answer.status === 404 || answer.status === 410) {
    contact.settings = null;
    callNotBefore(UNKNOWN_WAIT_MS);
  } else backOff();
  return 'later';
}
