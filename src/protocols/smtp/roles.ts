/** What an SMTP listener is for. */

export type SmtpListenerName = 'smtp' | 'submission' | 'submissions' | 'lmtp'

/**
 * MX takes mail for our domains from anyone, submission mail for anywhere from those who log in, LMTP mail for our
 * domains from a mail server that stands in front.
 */
export type SmtpRole = 'mx' | 'submission' | 'lmtp'

export function roleOf(name: SmtpListenerName): SmtpRole {
  if (name === 'smtp') return 'mx'
  return name === 'lmtp' ? 'lmtp' : 'submission'
}
