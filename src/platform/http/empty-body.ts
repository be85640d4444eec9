/** For routes whose body may be missing, or empty. */
export function emptyBodyIsObject(request: { body: unknown }, _reply: unknown, done: () => void): void {
  request.body ??= {}
  done()
}
