/** The provider's own page on which a customer manages cards and sees receipts. */
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Platform } from '../../platform/platform.ts'
import { refusalOf } from './advance.ts'
import { ensureCustomer, replaceCustomer } from './customers.ts'
import { PaymentFailure } from './provider.ts'
import { onlinePayments } from './providers.ts'
import { returnAddress } from './return-address.ts'

/**
 * Makes a link that is good for a short time and for whoever has it: it is neither kept nor shown again.
 * @throws Refusal payments_manual, top_up_invalid, payment_refused, payment_provider_failed, forbidden.
 */
export async function openPortal(
  platform: Platform,
  scope: Scope,
  returnUrl: string | null,
): Promise<string> {
  requireWorkspace(scope)
  requireWrite(scope)
  const online = onlinePayments(platform)
  const back = returnAddress(platform, returnUrl)
  try {
    const customerId = await ensureCustomer(platform, scope)
    try {
      return await online.createPortal(customerId, back)
    } catch (error) {
      if (!(error instanceof PaymentFailure && error.kind === 'gone')) throw error
      return await online.createPortal(await replaceCustomer(platform, scope, customerId), back)
    }
  } catch (error) {
    throw refusalOf(platform, error)
  }
}
