/** For tests of the outbound queue: messages with their bodies put into it, and what became of them. */

import { getOutbound, type OutboundDetail } from '../delivery/outbound/control.ts'
import { type OutboundMessage, queueOutbound } from '../delivery/outbound/queue.ts'
import { createBodyWriter, insertBodies } from '../messages/bodies.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { outboundMessage } from './test-outbound.ts'

export const queuedText = 'From: sender@sender.example\r\nSubject: hello\r\n\r\nA line.\r\n.A dot.\r\n'

/** Queues a message of this text. @returns its id. */
export async function enqueue(
  platform: Platform,
  owner: MailboxOwner,
  recipients: readonly string[],
  more: Partial<OutboundMessage> & { text?: string } = {},
): Promise<string> {
  const { text = queuedText, ...rest } = more
  const writer = createBodyWriter(platform)
  await writer.write(Buffer.from(text))
  const body = await writer.finish()
  const message = outboundMessage(owner, recipients, { bodyBytes: body.sizeBytes, ...rest })
  const [id] = await transaction(platform.db, async (tx) => {
    await insertBodies(tx, [body], platform.clock.now())
    return await queueOutbound(platform, tx, [{ bodyId: body.id, message }])
  })
  return id ?? ''
}

const settleMsMax = 20_000

/** Waits until a message fulfils something; asked again at each of its events. */
export async function untilOutbound(
  platform: Platform,
  id: string,
  isSo: (detail: OutboundDetail) => boolean,
): Promise<OutboundDetail> {
  const deadline = performance.now() + settleMsMax
  for (;;) {
    const heard = new Promise<void>((resolve) => {
      const timer = setTimeout(done, 300)
      const unsubscribe = platform.bus.subscribe(done)
      function done(): void {
        clearTimeout(timer)
        unsubscribe()
        resolve()
      }
    })
    const detail = await getOutbound(platform, null, id)
    if (detail && isSo(detail)) return detail
    if (performance.now() > deadline)
      throw new Error(`it did not come about: ${JSON.stringify(detail?.recipients)}`)
    await heard
  }
}

/** Waits until no recipient is waiting for its first attempt. */
export async function untilTried(platform: Platform, id: string): Promise<OutboundDetail> {
  return await untilOutbound(platform, id, ({ recipients }) =>
    recipients.every((one) => one.state !== 'sending' && one.attempts > 0),
  )
}
