/** What the local Stripe tells by webhook: signed by the SDK's own helper, in any order and any number of times. */
import Stripe from 'stripe'
import type { StripeEvent, StripeState } from './stripe-state.ts'

export type WebhookSender = {
  /** Those that sign; two while one replaces the other. */
  secrets: string[]
  /** Sends one. @returns the status. */
  send(url: string, event: Pick<StripeEvent, 'payload'>, options?: { ageSeconds?: number }): Promise<number>
  /** Sends all that were not delivered, in the order of `shuffle`, each so often; what fails is sent again. */
  deliver(
    url: string,
    options?: { copies?: number; shuffle?: (events: StripeEvent[]) => StripeEvent[] },
  ): Promise<void>
}

const roundsMax = 5

export function createWebhookSender(state: StripeState): WebhookSender {
  const secrets = ['whsec_of_the_stand_in']
  const send: WebhookSender['send'] = async (url, { payload }, { ageSeconds = 0 } = {}) => {
    // Each delivery has a time and a signature of its own.
    const timestamp = Math.floor(Date.now() / 1000) - ageSeconds
    const headers = secrets.map((secret) =>
      Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }),
    )
    const signatures = headers.flatMap((header) => header.split(',').filter((part) => part.startsWith('v1=')))
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'stripe-signature': [`t=${timestamp}`, ...signatures].join(','),
      },
      body: payload,
    })
    await response.arrayBuffer()
    return response.status
  }
  return {
    secrets,
    send,
    async deliver(url, { copies = 1, shuffle } = {}) {
      for (let round = 0; round < roundsMax; round++) {
        const left = state.events.filter(({ delivered }) => !delivered)
        const copied = left.flatMap((event) => Array.from({ length: copies }, () => event))
        const all = shuffle ? shuffle(copied) : copied
        await Promise.all(
          all.map(async (event) => {
            if ((await send(url, event)) === 200) event.delivered = true
          }),
        )
        if (left.every(({ delivered }) => delivered)) return
      }
    },
  }
}
