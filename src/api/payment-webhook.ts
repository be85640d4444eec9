/** /v1/payments/stripe/webhook: what Stripe tells. Its signature is over the bytes, so that nothing reads them before. */
import type { FastifyInstance } from 'fastify'
import { receiveEvent } from '../billing/payments/inbox.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { Api } from './schemas.ts'

const eventBytesMax = 512 * 1024

export async function paymentWebhookRoute(app: Api, platform: Platform): Promise<void> {
  await app.register(async (scope: FastifyInstance) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: eventBytesMax }, (_request, body, done) =>
      done(null, body),
    )
    scope.post('/v1/payments/stripe/webhook', { schema: { hide: true } }, async (request) => {
      const signature = request.headers['stripe-signature']
      if (!Buffer.isBuffer(request.body) || typeof signature !== 'string') {
        throw new Refusal('payment_event_refused', 'There is no signature.')
      }
      await receiveEvent(platform, request.body, signature)
      return { received: true }
    })
  })
}
