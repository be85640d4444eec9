/** Where people come back to from the provider's pages. Coming back proves nothing. */
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'

/**
 * @param given what the call names.
 * @throws Refusal top_up_invalid for what is no web address.
 */
export function returnAddress({ config, ports }: Platform, given: string | null): string {
  const { publicUrl, paymentReturnUrl, hostname } = config
  if (given === null) return paymentReturnUrl ?? publicUrl ?? `http://${hostname}:${ports.http ?? 80}/`
  const url = URL.canParse(given) ? new URL(given) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Refusal('top_up_invalid', 'return_url is no address of the web.')
  }
  return url.href
}
