/** The routes of billing, for the workspace and for the operator. */
import type { Platform } from '../platform/platform.ts'
import { billingDetailsRoutes } from './billing-details.ts'
import { billingSettingsRoutes } from './billing-settings.ts'
import { couponRoutes } from './coupons.ts'
import { planRoutes } from './plans.ts'
import { priceRoutes } from './prices.ts'
import type { Api } from './schemas.ts'
import { walletRoutes } from './wallet.ts'
import { walletCouponRoutes } from './wallet-coupons.ts'
import { tenantWalletRoutes } from './wallets.ts'

export function billingRoutes(app: Api, platform: Platform): void {
  walletRoutes(app, platform)
  walletCouponRoutes(app, platform)
  billingDetailsRoutes(app, platform)
  planRoutes(app, platform)
  priceRoutes(app, platform)
  couponRoutes(app, platform)
  tenantWalletRoutes(app, platform)
  billingSettingsRoutes(app, platform)
}
