/** Which payment provider this configuration has. */
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { OnlinePayments, PaymentProvider } from './provider.ts'
import { stripePayments } from './stripe/stripe.ts'

const providers = new WeakMap<Platform['config'], PaymentProvider>()

/** The provider of this configuration; its client is made when it is first used. */
export function paymentProvider({ config }: Platform): PaymentProvider {
  const known = providers.get(config)
  if (known) return known
  const made: PaymentProvider =
    config.stripeSecretKey === null || config.stripeWebhookSecret === null
      ? { name: 'manual' }
      : stripePayments({
          secretKey: config.stripeSecretKey,
          webhookSecrets: config.stripeWebhookSecret.split(','),
          url: config.stripeUrl,
        })
  providers.set(config, made)
  return made
}

/** @throws Refusal payments_manual where an operator credits wallets by hand. */
export function onlinePayments(platform: Platform): OnlinePayments {
  const provider = paymentProvider(platform)
  if (provider.name === 'manual') throw new Refusal('payments_manual')
  return provider
}
