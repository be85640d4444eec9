/** Telling senders what became of their mail: delivery status notifications (RFC 3461, RFC 3464). */
import type { Platform } from '../../platform/platform.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Added with every outcome that a sender may have to hear of: bounced, delayed, delivered with NOTIFY=SUCCESS. */
    'delivery.notify': { outbound_message_id: string }
  }
}

export async function notifySender(_platform: Platform, _outboundMessageId: string): Promise<void> {}
