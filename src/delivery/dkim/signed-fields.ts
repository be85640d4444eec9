/**
 * Which header fields a signature covers (RFC 6376 §5.4.1). A field that is named once more than it occurs cannot be
 * added afterwards without breaking the signature (§8.15).
 *
 * always: protected even where the message has none. present: protected where it has one. each: as many as there are;
 * mailing lists may add theirs.
 */
export const signedFields = {
  from: 'always',
  to: 'always',
  cc: 'always',
  subject: 'always',
  'reply-to': 'always',
  date: 'always',
  'message-id': 'always',
  sender: 'present',
  'in-reply-to': 'present',
  references: 'present',
  'mime-version': 'present',
  'content-type': 'present',
  'content-transfer-encoding': 'present',
  'content-id': 'each',
  'content-description': 'each',
  'resent-date': 'each',
  'resent-from': 'each',
  'resent-sender': 'each',
  'resent-to': 'each',
  'resent-cc': 'each',
  'resent-message-id': 'each',
  'auto-submitted': 'each',
  'list-id': 'each',
  'list-help': 'each',
  'list-unsubscribe': 'each',
  'list-unsubscribe-post': 'each', // RFC 8058 §4: both must be signed
  'list-subscribe': 'each',
  'list-post': 'each',
  'list-owner': 'each',
  'list-archive': 'each',
} as const satisfies Readonly<Record<string, 'always' | 'present' | 'each'>>
