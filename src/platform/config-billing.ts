/** The settings of billing. Prices, taxes and what happens to what is not paid are rows, set by the API. */
import { setting } from './config-settings.ts'

export const billingSettings = {
  billing: setting.choice(
    'MAILWRIGHT_BILLING',
    ['off', 'on'],
    'off',
    'Whether mailboxes, domains and plans are paid from wallets; off: everything is free, and nothing is written on bills.',
  ),
}
