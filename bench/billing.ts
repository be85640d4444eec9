/** What billing costs: transfers of one wallet, a purchase beside one that is free, the renewal of very many. */
import { ledger } from './billing/ledger.ts'
import { purchase } from './billing/purchase.ts'
import { renewal } from './billing/renewal.ts'
import type { Row } from './table.ts'

/** @param mailboxes that are renewed. */
export async function billing(mailboxes = 100_000): Promise<Row[]> {
  return [...(await ledger()), ...(await purchase()), ...(await renewal(mailboxes))]
}
