/** Why something was not sent: what the other server said, or what came in the way of asking it. */
import type { RemoteReply } from '../../bounces/classify.ts'
import { type Reply, replyText } from './reply.ts'

/** A refusal with where it came from. It is a value inside the engine, and is thrown inside the client only. */
export class SmtpFailure extends Error {
  readonly reply: RemoteReply
  /** Whether the connection can still be used. */
  readonly isOpen: boolean
  /** Who was spoken to, where that is known. */
  at: { host: string; address: string } | null = null

  constructor(reply: RemoteReply, options: { isOpen?: boolean; cause?: unknown } = {}) {
    super(failureLine(reply), { cause: options.cause })
    this.reply = reply
    this.isOpen = options.isOpen ?? false
  }
}

/** Word for word: `450 4.7.1 Come again`; of what was no reply, its text. */
export function failureLine({ code, enhanced, text }: RemoteReply): string {
  return [code === 0 ? '' : code, enhanced ?? '', text].filter((part) => part !== '').join(' ')
}

export function remoteReply(reply: Reply, stage: RemoteReply['stage']): RemoteReply {
  return { code: reply.code, enhanced: reply.enhanced, text: replyText(reply), stage }
}

/** What happened without a reply. `enhanced` says whether it can change (4.y.z) or not (5.y.z). */
export function noReply(stage: RemoteReply['stage'], enhanced: string, text: string): RemoteReply {
  return { code: 0, enhanced, text, stage }
}

/** A refusal for good, whoever says it. */
export function isPermanentReply({ code, enhanced }: RemoteReply): boolean {
  return code === 0 ? (enhanced?.startsWith('5') ?? false) : code >= 500
}
