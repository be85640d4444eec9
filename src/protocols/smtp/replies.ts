/** How the listeners refuse: reply codes (RFC 5321 §4.2) with enhanced codes (RFC 3463) of our own choice. */
import type { ArrivalRefusal } from '../../delivery/inbound/arrival.ts'

/** Whose fault a refusal is: a stranger's mistake must not wake anyone, our own defect must. */
type Blame = 'client' | 'server'

export type SmtpFault = Error & { responseCode: number; blame: Blame }

/** The enhanced code leads the text; the connection sends it as it is. */
function fault(blame: Blame, code: number, enhanced: string, text: string): SmtpFault {
  return Object.assign(new Error(`${enhanced} ${text}`), { responseCode: code, blame })
}

/** A refusal of the core, in its own words. */
export function refusalFault({ code, enhanced, text }: ArrivalRefusal): SmtpFault {
  return fault('client', code, enhanced, text)
}

export const replies = {
  unknownRecipient: () => fault('client', 550, '5.1.1', 'No such recipient here'),
  tooManyConnections: () => fault('client', 421, '4.7.0', 'Too many connections from your address'),
  notForYou: () => fault('client', 554, '5.7.1', 'This listener takes mail from named servers only'),
  bareLineEnds: () => fault('client', 550, '5.6.11', 'A CR or an LF stands alone; lines end in CRLF'), // RFC 5321 §2.3.8
  parameterInvalid: (problem: string) => fault('client', 501, '5.5.4', problem),
  heldForLocal: () =>
    fault('client', 550, '5.3.3', 'A message that is held for later cannot go to a mailbox here'),
  tooManyRefusals: () => fault('client', 421, '4.7.0', 'Too many recipients were refused'),
  recipientUnavailable: () => fault('client', 450, '4.2.1', 'The mailbox does not accept mail now'),
  // RFC 3463 §3.3, X.2.1. A restore does not bring back what was sent before it: the sender hears at once.
  recipientDisabled: () => fault('client', 550, '5.2.1', 'The mailbox does not accept mail'),
  // RFC 3463 §3.3: whoever owns the mailbox may make room before the sender gives up.
  mailboxFull: () => fault('client', 452, '4.2.2', 'The mailbox is full'),
  largerThanQuota: () => fault('client', 552, '5.2.2', 'The message is larger than the quota of the mailbox'),
  unknownParameter: () => fault('client', 555, '5.5.4', 'A parameter is not known here'),
  recipientInvalid: (problem: string) => fault('client', 553, '5.1.3', `The address ${problem}`),
  bouncesOnly: () => fault('client', 550, '5.7.1', 'This address takes reports of failed delivery only'),
  senderBlocked: () => fault('client', 550, '5.7.1', 'The recipient does not accept mail from this sender'),
  relayDenied: () =>
    fault('client', 550, '5.7.1', 'This server does not relay; that domain is not served here'),
  senderNotOwned: () => fault('client', 553, '5.7.1', 'This sender address does not belong to you'),
  smtputf8Needed: () => fault('client', 553, '5.6.7', 'The address needs SMTPUTF8'), // RFC 6531 §3.5
  messageTooBig: (bytesMax: number) =>
    fault('client', 552, '5.3.4', `The message is larger than ${bytesMax} bytes`), // RFC 1870 §6.3
  recipientsGone: () => fault('client', 451, '4.2.1', 'A recipient went away; send the message again'),
  loginNeeded: () => fault('client', 530, '5.7.0', 'Log in first'),
  tlsNeeded: () => fault('client', 538, '5.7.11', 'Encryption is needed to log in'), // RFC 4954 §6
  loginRefused: () => fault('client', 535, '5.7.8', 'The user name or the password is wrong'),
  // RFC 4954 §6: nobody looked at the password, and a client that has the right one comes back with it.
  loginLocked: () => fault('client', 454, '4.7.0', 'Too many wrong passwords; try again later'),
  // The connection closes with it: after AUTH there is no other (RFC 4954 §4).
  loginOver: () => fault('client', 421, '4.7.0', 'The password was changed or taken away; log in again'),
  tooManyLogins: () => fault('client', 421, '4.7.0', 'Too many failed logins'),
  cannotStore: () => fault('server', 451, '4.3.0', 'The message could not be stored; send it again later'),
  cannotAnswer: () => fault('server', 451, '4.3.0', 'The request could not be answered; try again later'),
} as const

const enhancedCode = /^[245]\.\d{1,3}\.\d{1,3} /

/** Whether a reply text brings its own enhanced code. */
export function hasEnhancedCode(text: unknown): boolean {
  return typeof text === 'string' && enhancedCode.test(text)
}
