/** DATA: takes a message from the socket to the store, piece by piece, and answers after the commit. */
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import type { CommitLane, Delivery } from '../../delivery/commit-lane.ts'
import type { LocalRecipient, RemoteRecipient } from '../../delivery/recipients.ts'
import { receivedField, returnPathField } from '../../delivery/trace.ts'
import { createBodyWriter, type StagedBody } from '../../messages/bodies.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { replies, type SmtpFault } from './replies.ts'

/** A message transaction whose recipients were all accepted. */
export type Reception = {
  session: SMTPServerSession
  mailFrom: string
  local: readonly LocalRecipient[]
  remote: readonly RemoteRecipient[]
  /** Who sends, when it is a login of ours. */
  sender: MailboxOwner | null
}

export type ReceiveResult = { ok: true; text: string } | { ok: false; fault: SmtpFault }

/** Reads the whole stream, also of a message that is refused, so that the connection stays in step. */
export async function receiveMessage(
  platform: Platform,
  lane: CommitLane,
  stream: SMTPServerDataStream,
  reception: Reception,
): Promise<ReceiveResult> {
  const id = newId()
  const at = platform.clock.now()
  const body = await stageBody(platform, stream, traceFields(platform, reception, id, at))
  if (body === 'too-big') return { ok: false, fault: replies.messageTooBig(platform.config.messageBytesMax) }
  const delivery: Delivery = {
    body,
    internalDate: at,
    recipients: reception.local,
    outbound:
      reception.remote.length === 0 || !reception.sender
        ? null
        : {
            owner: reception.sender,
            mailFrom: reception.mailFrom,
            smtputf8: reception.session.envelope.smtpUtf8 === true,
            recipients: reception.remote,
          },
  }
  const result = await lane.deliver(delivery)
  if (result.kind === 'gone') return { ok: false, fault: replies.recipientsGone() }
  platform.log.debug({
    event: 'smtp.accepted',
    id,
    mailFrom: reception.mailFrom,
    local: reception.local.length,
    remote: reception.remote.length,
    sizeBytes: body.sizeBytes,
  })
  return { ok: true, text: `2.6.0 Accepted as ${id}` }
}

async function stageBody(
  platform: Platform,
  stream: SMTPServerDataStream,
  trace: string,
): Promise<StagedBody | 'too-big'> {
  const writer = createBodyWriter(platform)
  const limit = platform.config.messageBytesMax
  let received = 0
  try {
    await writer.write(Buffer.from(trace))
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received += chunk.length
      if (received <= limit) await writer.write(chunk) // past the limit it reads on and keeps nothing
    }
    if (received <= limit) return await writer.finish()
  } catch (error) {
    await writer.discard().catch(() => undefined) // the sweep takes what stays
    throw error
  }
  await writer.discard()
  return 'too-big'
}

/** RFC 3848, and RFC 6531 §4.3 for a message that came with SMTPUTF8. */
function protocolOf({ transmissionType, envelope }: SMTPServerSession): string {
  return envelope.smtpUtf8 ? transmissionType.replace(/^E?SMTP/, 'UTF8SMTP') : transmissionType
}

function traceFields(platform: Platform, reception: Reception, id: string, at: Date): string {
  const { session, local, remote } = reception
  const [only] = [...local, ...remote]
  const received = receivedField({
    helo: session.hostNameAppearsAs || '',
    remoteAddress: session.remoteAddress,
    by: platform.config.hostname,
    protocol: protocolOf(session),
    id,
    recipient: local.length + remote.length === 1 && only ? only.address : null,
    at,
  })
  // A message that also leaves gets its Return-Path where it arrives (RFC 5321 §4.4).
  return remote.length === 0 ? returnPathField(reception.mailFrom) + received : received
}
