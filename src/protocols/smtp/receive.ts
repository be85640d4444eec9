/** DATA: takes a message from the socket, hands it to the core, and answers after the commit. */
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import type { CommitLane } from '../../delivery/commit-lane.ts'
import { acceptArrival } from '../../delivery/inbound/accept.ts'
import type { Arrival } from '../../delivery/inbound/arrival.ts'
import { spoolMessage } from '../../delivery/inbound/spool.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { refusalFault, replies, type SmtpFault } from './replies.ts'

/** What a transaction has come to before its data. */
export type Reception = Pick<
  Arrival,
  'role' | 'mailFrom' | 'ret' | 'envid' | 'notBefore' | 'login' | 'local' | 'remote' | 'forwards'
> & { session: SMTPServerSession }

export type ReceiveResult = { ok: true; text: string } | { ok: false; fault: SmtpFault }

/** Reads the whole stream, also of a message that is refused, so that the connection stays in step. */
export async function receiveMessage(
  platform: Platform,
  lane: CommitLane,
  stream: SMTPServerDataStream,
  { session, ...reception }: Reception,
): Promise<ReceiveResult> {
  const message = await spoolMessage(stream, platform.config.messageBytesMax)
  if (message === 'too-big')
    return { ok: false, fault: replies.messageTooBig(platform.config.messageBytesMax) }
  await using held = message
  const id = newId()
  const result = await acceptArrival(platform, lane, {
    ...reception,
    id,
    at: platform.clock.now(),
    helo: session.hostNameAppearsAs || '',
    remoteAddress: session.remoteAddress,
    protocol: protocolOf(session),
    tls: session.secure,
    smtputf8: session.envelope.smtpUtf8 === true,
    requireTls: session.envelope.requireTLS === true,
    message: held,
  })
  if (result.kind === 'gone') return { ok: false, fault: replies.recipientsGone() }
  if (result.kind === 'refused') return { ok: false, fault: refusalFault(result) }
  platform.log.debug({
    event: 'smtp.accepted',
    id,
    mailFrom: reception.mailFrom,
    local: reception.local.length,
    remote: reception.remote.length,
    sizeBytes: result.sizeBytes,
  })
  return { ok: true, text: `2.6.0 Accepted as ${id}` }
}

/** RFC 3848, and RFC 6531 §4.3 for a message that came with SMTPUTF8. */
function protocolOf({ transmissionType, envelope }: SMTPServerSession): string {
  return envelope.smtpUtf8 ? transmissionType.replace(/^E?SMTP/, 'UTF8SMTP') : transmissionType
}
