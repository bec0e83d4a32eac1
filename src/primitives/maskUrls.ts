const URLS =
  /\b(?<scheme>[a-z][a-z\d+.-]{0,30}:\/\/)(?<secret>[^\s/?#]*@)?(?<rest>[^\s?#"'<>]*)(?<query>\?[^\s"'<>]*)?(?:#[^\s"'<>]*)?/gi;

/** The text, its URLs without what may be a secret in them: user, password and the query, where signed links keep their signature. */
export function maskUrls(text: string): string {
  return text.replace(
    URLS,
    (_url, scheme: string, secret: string | undefined, rest: string, query: string | undefined) =>
      `${scheme}${secret === undefined ? '' : '***@'}${rest}${query === undefined ? '' : '?***'}`,
  );
}
