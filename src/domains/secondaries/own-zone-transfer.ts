/** The DKIM keys of all domains as records of the platform's own zone, for whoever wants all of it. */

import { sql } from 'kysely'
import { dnsTypes } from '../../platform/dns-wire/message.ts'
import type { Platform } from '../../platform/platform.ts'
import type { DkimKey } from '../dkim-keys.ts'
import { dkimSets } from '../zones/own-zone.ts'
import { encodeRdata } from '../zones/rdata.ts'
import type { WireRRset } from '../zones/zone-answer.ts'

const rowsPerStatement = 5_000
const firstId = '00000000-0000-0000-0000-000000000000'

/** All that a question finds (own-zone-keys.ts), read as they are wanted: there are two for each domain, and more while they change. */
export async function* allDkimSets({ config, db }: Platform): AsyncGenerator<WireRRset> {
  for (let after = firstId, isLast = false; !isLast; ) {
    const { rows } = await sql<DkimKey & { id: string; domain_id: string }>`
      select k.id, k.domain_id, k.algorithm, k.selector, k.public_key, k.state
      from dkim_keys k join domains d on d.id = k.domain_id
      where k.id > ${after}::uuid and d.state <> 'deleted'
      order by k.id limit ${rowsPerStatement}`.execute(db)
    for (const row of rows) {
      for (const { name, ttl, values } of dkimSets(config, row.domain_id, [row])) {
        const rdata = values.flatMap((value) => encodeRdata('TXT', value) ?? [])
        yield { owner: name, type: dnsTypes.TXT, ttl, rdata, wildcard: null }
      }
    }
    after = rows.at(-1)?.id ?? after
    isLast = rows.length < rowsPerStatement
  }
}
