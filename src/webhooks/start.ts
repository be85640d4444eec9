/** Webhooks on a node: the log is made into deliveries, and these are sent. */
import { createSignal } from '../delivery/outbound/signal.ts'
import type { Platform } from '../platform/platform.ts'
import { adoptRestoredPlaces, materialise } from './materialise.ts'
import { type Pump, startPump } from './pump.ts'

export type Webhooks = { stop(): Promise<void> }

// A node may die between its commit and its notice, and the order of the log holds some events back for a moment.
const pollMs = 500
// Events come in bursts: what is told within this time is read together.
const gatherMs = 5

/** Starts both halves. */
export async function startWebhooks(platform: Platform): Promise<Webhooks> {
  await adoptRestoredPlaces(platform)
  const pump = startPump(platform)
  const reader = startReader(platform, pump)
  return {
    async stop() {
      await reader.stop() // first: what it makes may be sent elsewhere
      await pump.stop()
    },
  }
}

function startReader(platform: Platform, pump: Pump): { stop(): Promise<void> } {
  const signal = createSignal()
  let isStopping = false
  let isListened = true
  const unsubscribe = platform.bus.subscribe(({ type, data }) => {
    if (isListened || type.startsWith('webhook.')) signal.wake()
    if (type === 'webhook.updated' || type === 'webhook.replayed') pump.unblock(webhookOf(data))
  })
  const readOn = async (): Promise<void> => {
    while (!isStopping) {
      try {
        const read = await materialise(platform)
        const { deliveries, isMore } = read
        isListened = read.isListened
        if (deliveries > 0) pump.wake()
        if (isMore) continue
        await signal.wait(pollMs)
        await new Promise((resolve) => setTimeout(resolve, gatherMs))
      } catch (error) {
        platform.log.error({ event: 'webhooks.reading_failed', cause: error })
        await signal.wait(pollMs)
      }
    }
  }
  const reading = readOn()
  return {
    async stop() {
      isStopping = true
      unsubscribe()
      signal.wake()
      await reading
    },
  }
}

function webhookOf(data: unknown): string {
  return typeof data === 'object' && data !== null && 'webhook_id' in data ? String(data.webhook_id) : ''
}
