/** Which domains' zones this platform answers for. */
import { sql } from 'kysely'

/**
 * A condition on a row of `domains`: it is served, or will be, or was until its delegation follows (`pending_dns_mode`:
 * both sides answer meanwhile), and nothing speaks against it (`zone_held`).
 */
export const isAnswered = sql<boolean>`'served' in (dns_mode, pending_dns_mode) and not zone_held and state <> 'deleted'`
