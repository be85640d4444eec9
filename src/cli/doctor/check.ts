/** What a check of `mailwright doctor` says. */

export type Finding = {
  status: 'ok' | 'warn' | 'FAIL'
  /** What was looked at. */
  subject: string
  /** What was found, and what to do when it is not well. */
  text: string
}

export function ok(subject: string, text: string): Finding {
  return { status: 'ok', subject, text }
}

export function warn(subject: string, text: string): Finding {
  return { status: 'warn', subject, text }
}

export function fail(subject: string, text: string): Finding {
  return { status: 'FAIL', subject, text }
}

/** The message of an error with that of its cause. */
export function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.message || ('code' in error ? String(error.code) : error.name)
  return error.cause instanceof Error ? `${own}: ${why(error.cause)}` : own
}
