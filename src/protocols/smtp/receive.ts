/** DATA: takes a message from the socket, hands it to the core, and answers after the commit. */
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import type { CommitLane } from '../../delivery/commit-lane.ts'
import { type AcceptResult, acceptArrival } from '../../delivery/inbound/accept.ts'
import type { Arrival } from '../../delivery/inbound/arrival.ts'
import { spoolMessage } from '../../delivery/inbound/spool.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { refusalFault, replies, type SmtpFault } from './replies.ts'
import type { Conversation } from './session.ts'

/** What a transaction has come to before its data. */
export type Reception = Pick<
  Arrival,
  | 'role'
  | 'mailFrom'
  | 'ret'
  | 'envid'
  | 'requireTls'
  | 'notBefore'
  | 'login'
  | 'asked'
  | 'local'
  | 'remote'
  | 'forwards'
  | 'reports'
> & { session: SMTPServerSession }

export type ReceiveResult = { ok: true; text: string } | { ok: false; fault: SmtpFault }

/** By mailbox: over LMTP each recipient is answered for itself (RFC 2033 §4.2). Else one result is everyone's. */
export type ReceiveResults = { all: ReceiveResult } | { byMailbox: ReadonlyMap<string, ReceiveResult> }

/** Reads the whole stream, also of a message that is refused, so that the connection stays in step. */
export async function receiveMessage(
  platform: Platform,
  lane: CommitLane,
  stream: SMTPServerDataStream,
  { session, ...reception }: Reception,
): Promise<ReceiveResults> {
  const { messageBytesMax } = platform.config
  const isMx = reception.role === 'mx'
  const message = await spoolMessage(platform, stream, {
    bytesMax: messageBytesMax,
    // What strangers send is refused and what our own send is mended (RFC 6409 §8): so smuggling ends here.
    lineEnds: isMx ? 'keep' : 'normalize',
  })
  if (message === 'too-big') return { all: { ok: false, fault: replies.messageTooBig(messageBytesMax) } }
  await using held = message
  if (isMx && held.hasBareLineEnds) return { all: { ok: false, fault: replies.bareLineEnds() } }
  const arrival: Arrival = {
    ...reception,
    id: newId(),
    at: platform.clock.now(),
    helo: session.hostNameAppearsAs || '',
    remoteAddress: session.remoteAddress,
    protocol: protocolOf(session),
    tls: session.secure,
    smtputf8: session.envelope.smtpUtf8 === true,
    message: held,
  }
  const result = await acceptArrival(platform, lane, arrival)
  if (result.kind !== 'gone' || reception.role !== 'lmtp') return { all: answerTo(platform, arrival, result) }
  const byMailbox = new Map<string, ReceiveResult>()
  for (const recipient of arrival.local) {
    const alone = { ...arrival, local: [recipient] }
    const own = await acceptArrival(platform, lane, alone)
    byMailbox.set(recipient.owner.mailboxId, answerTo(platform, alone, own))
  }
  return { byMailbox }
}

function answerTo(platform: Platform, arrival: Arrival, result: AcceptResult): ReceiveResult {
  if (result.kind === 'gone') return { ok: false, fault: replies.recipientsGone() }
  if (result.kind === 'refused') return { ok: false, fault: refusalFault(result) }
  const { id, mailFrom, local, remote } = arrival
  platform.log.debug({
    event: 'smtp.accepted',
    id,
    mailFrom,
    local: local.length,
    remote: remote.length,
    sizeBytes: result.sizeBytes,
  })
  const text = result.kind === 'held' ? `Held for approval as ${result.approvalId}` : `Accepted as ${id}`
  return { ok: true, text: `2.6.0 ${text}` }
}

/** RFC 3848, and RFC 6531 §4.3 for a message that came with SMTPUTF8. */
function protocolOf({ transmissionType, envelope }: SMTPServerSession): string {
  return envelope.smtpUtf8 ? transmissionType.replace(/^E?SMTP/, 'UTF8SMTP') : transmissionType
}

/** The library sends one answer for each RCPT that was accepted, in their order. */
export function answersTo(
  { recipients }: Conversation,
  { envelope }: SMTPServerSession,
  results: ReadonlyMap<string, ReceiveResult>,
): (string | SmtpFault)[] {
  return envelope.rcptTo.map(({ address }) => {
    const recipient = recipients.get(address)
    const result = recipient?.kind === 'local' ? results.get(recipient.owner.mailboxId) : undefined
    if (result === undefined) return replies.cannotStore()
    return result.ok ? result.text : result.fault
  })
}
