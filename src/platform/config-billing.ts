/** The settings of billing. Prices, taxes and what happens to what is not paid are rows, set by the API. */
import { setting } from './config-settings.ts'

export const billingSettings = {
  billing: setting.choice(
    'MAILWRIGHT_BILLING',
    ['off', 'on'],
    'off',
    'Whether mailboxes, domains and plans are paid from wallets; off: everything is free, and nothing is written on bills.',
  ),
  stripeSecretKey: setting
    .optionalText(
      'MAILWRIGHT_STRIPE_SECRET_KEY',
      'A key of Stripe’s API, best a restricted one: wallets are then topped up by card. Without it an operator credits them by hand.',
    )
    .secret(),
  stripeWebhookSecret: setting
    .optionalText(
      'MAILWRIGHT_STRIPE_WEBHOOK_SECRET',
      'The secret that Stripe signs with what it posts to `/v1/payments/stripe/webhook`; two, separated by a comma, while one replaces the other.',
    )
    .secret(),
  stripeUrl: setting.url(
    'MAILWRIGHT_STRIPE_URL',
    ['http:', 'https:'],
    'Another address of Stripe’s API, for tests; never with a live key.',
  ),
  paymentReturnUrl: setting.url(
    'MAILWRIGHT_PAYMENT_RETURN_URL',
    ['http:', 'https:'],
    'Where people come back to from Stripe’s pages when the call names no address; MAILWRIGHT_PUBLIC_URL if unset.',
  ),
}
