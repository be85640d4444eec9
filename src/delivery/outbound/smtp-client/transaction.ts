/** One message to the recipients that it has at one server: MAIL, RCPT, DATA, pipelined where the server can (RFC 2920). */
import type { RemoteReply } from '../../bounces/classify.ts'
import { createDotStuffer } from './dot-stuffing.ts'
import { noReply, remoteReply, SmtpFailure } from './failure.ts'
import { type Reply, replyLine } from './reply.ts'
import type { SmtpSession } from './session.ts'

export type Envelope = {
  mailFrom: string
  sizeBytes: number
  smtputf8: boolean
  ret: 'full' | 'hdrs' | null
  envid: string | null
  requireTls: boolean
  recipients: readonly EnvelopeRecipient[]
}

export type EnvelopeRecipient = { rcptTo: string; notify: string | null; orcpt: string | null }

/** What became of one recipient. */
export type RecipientResult = { ok: true; reply: string } | { ok: false; reply: RemoteReply }

/**
 * Sends a message.
 * @param content the message; it is read once, and only when a recipient was taken.
 * @returns a result for each recipient, in order. A connection that breaks is a result too: then the session is closed.
 */
export async function sendMessage(
  session: SmtpSession,
  envelope: Envelope,
  content: () => AsyncIterable<Buffer>,
): Promise<RecipientResult[]> {
  const unable = incapable(session, envelope)
  if (unable !== null) return envelope.recipients.map(() => ({ ok: false, reply: unable }))
  const results: (RecipientResult | null)[] = envelope.recipients.map(() => null)
  try {
    await converse(session, envelope, content, results)
  } catch (error) {
    const { unasked } = session // some say why before they hang up
    session.destroy() // whatever it was, client and server may be out of step
    if (!(error instanceof SmtpFailure)) throw error
    const said =
      unasked !== null && unasked.code >= 400 ? remoteReply(unasked, error.reply.stage) : error.reply
    settle(results, { ok: false, reply: said })
  }
  return results.map(
    (result) => result ?? { ok: false, reply: noReply('message', '4.4.2', 'no reply was given') },
  )
}

/** What the message needs and the server does not have. */
function incapable({ capabilities }: SmtpSession, envelope: Envelope): RemoteReply | null {
  const { smtputf8, size } = capabilities
  if (envelope.smtputf8 && !smtputf8) {
    return noReply('mail', '5.6.7', 'the message needs SMTPUTF8, which the server does not offer') // RFC 6531 §3.5
  }
  if (size !== null && size > 0 && envelope.sizeBytes > size) {
    return noReply('mail', '5.3.4', `the message has ${envelope.sizeBytes} bytes, the server takes ${size}`) // RFC 1870
  }
  return null
}

async function converse(
  session: SmtpSession,
  envelope: Envelope,
  content: () => AsyncIterable<Buffer>,
  results: (RecipientResult | null)[],
): Promise<void> {
  const lines = [mailLine(session, envelope), ...envelope.recipients.map((one) => rcptLine(session, one))]
  const { pipelining } = session.capabilities
  if (pipelining) session.send(...lines, 'DATA')
  const ask = async (line: string, stage: 'mail' | 'rcpt' | 'data', timeoutMs: number): Promise<Reply> => {
    if (!pipelining) session.send(line)
    return await session.read(stage, timeoutMs)
  }
  const { commandMs, dataMs } = session.timeouts
  let taken = 0
  const mail = await ask(lines[0] ?? '', 'mail', commandMs)
  if (mail.code === 421) throw new SmtpFailure(remoteReply(mail, 'mail'))
  const isMailTaken = isPositive(mail)
  if (!isMailTaken) results.fill({ ok: false, reply: remoteReply(mail, 'mail') })
  if (isMailTaken || pipelining) {
    for (const [index, line] of lines.slice(1).entries()) {
      const reply = await ask(line, 'rcpt', commandMs)
      if (reply.code === 421) throw new SmtpFailure(remoteReply(reply, 'rcpt'))
      if (!isMailTaken) continue // whatever it says of recipients, MAIL was refused
      if (isPositive(reply)) taken++
      else results[index] = { ok: false, reply: remoteReply(reply, 'rcpt') }
    }
  }
  if (taken === 0 && !pipelining) return await reset(session)
  const data = await ask('DATA', 'data', dataMs)
  if (data.code !== 354) {
    if (data.code === 421) throw new SmtpFailure(remoteReply(data, 'data'))
    settle(results, { ok: false, reply: remoteReply(data, 'data') })
    return await reset(session)
  }
  // RFC 2920 §3.1: a server may say 354 although it took nobody. It gets an empty message, which goes nowhere.
  if (taken === 0) session.send('.')
  else await sendContent(session, content())
  const reply = await session.read('message', session.timeouts.endOfDataMs)
  if (reply.code === 421) session.destroy()
  settle(
    results,
    isPositive(reply)
      ? { ok: true, reply: replyLine(reply) }
      : { ok: false, reply: remoteReply(reply, 'message') },
  )
}

function isPositive({ code }: Reply): boolean {
  return code >= 200 && code < 300
}

function settle(results: (RecipientResult | null)[], outcome: RecipientResult): void {
  for (const [index, result] of results.entries()) results[index] = result ?? outcome
}

async function reset(session: SmtpSession): Promise<void> {
  session.send('RSET')
  const reply = await session.read('mail', session.timeouts.commandMs)
  if (!isPositive(reply)) session.destroy()
}

async function sendContent(session: SmtpSession, content: AsyncIterable<Buffer>): Promise<void> {
  const stuffer = createDotStuffer()
  let held: Buffer | null = null
  for await (const piece of content) {
    if (held !== null) await session.write(held)
    held = stuffer.write(piece)
  }
  // The end goes with the last piece: one write for a small message.
  await session.write(held === null ? stuffer.end() : Buffer.concat([held, stuffer.end()]))
}

function mailLine({ capabilities }: SmtpSession, envelope: Envelope): string {
  const { size, eightBitMime, dsn, requireTls } = capabilities
  return [
    `MAIL FROM:<${envelope.mailFrom}>`,
    size === null ? '' : `SIZE=${envelope.sizeBytes}`,
    eightBitMime ? 'BODY=8BITMIME' : '',
    envelope.smtputf8 ? 'SMTPUTF8' : '',
    dsn && envelope.ret !== null ? `RET=${envelope.ret.toUpperCase()}` : '',
    dsn && envelope.envid !== null ? `ENVID=${envelope.envid}` : '',
    envelope.requireTls && requireTls ? 'REQUIRETLS' : '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}

function rcptLine({ capabilities: { dsn } }: SmtpSession, recipient: EnvelopeRecipient): string {
  return [
    `RCPT TO:<${recipient.rcptTo}>`,
    dsn && recipient.notify !== null ? `NOTIFY=${recipient.notify.toUpperCase()}` : '',
    dsn && recipient.orcpt !== null ? `ORCPT=${recipient.orcpt}` : '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}
