/** Where this node's listeners really are, once they listen: a configured port of 0 becomes known only then. */

export const listenerNames = [
  'http',
  'https',
  'smtp',
  'submission',
  'submissions',
  'lmtp',
  'imap',
  'imaps',
  'pop3',
  'pop3s',
  'dns',
  'http_challenge',
] as const

export type ListenerName = (typeof listenerNames)[number]

/** The port of each listener; null is off or not started. Filled by the composition root. */
export type ListenerPorts = Record<ListenerName, number | null>

export function noListeners(): ListenerPorts {
  return {
    http: null,
    https: null,
    smtp: null,
    submission: null,
    submissions: null,
    lmtp: null,
    imap: null,
    imaps: null,
    pop3: null,
    pop3s: null,
    dns: null,
    http_challenge: null,
  }
}
