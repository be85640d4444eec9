/** What billing costs: transfers of one wallet, a purchase beside one that is free, the renewal of very many. */
import { ledger } from './billing/ledger.ts'
import type { Row } from './table.ts'

export async function billing(): Promise<Row[]> {
  return [...(await ledger())]
}
