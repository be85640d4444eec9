/**
 * The catalog zone (RFC 9432): a zone whose records name the zones that there are, so that a secondary which is told of
 * this one learns of all others by itself.
 */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Config } from '../../platform/config.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { encodeName } from '../../platform/dns-wire/names.ts'
import type { Platform } from '../../platform/platform.ts'
import { isAnswered } from '../zones/answered.ts'
import type { WireRRset } from '../zones/zone-answer.ts'

export type CatalogMember = {
  /** Unique for this zone, and another one when the name is connected anew (RFC 9432 §5.4). */
  label: string
  name: string
}

export type Catalog = {
  /** The apex. */
  name: string
  serial: number
  members: readonly CatalogMember[]
}

/** The catalog's apex; null without a zone of our own. */
export function catalogName({ dnsZone }: Pick<Config, 'dnsZone'>): string | null {
  return dnsZone === null ? null : `catalog.${dnsZone}`
}

/**
 * Reads which zones are transferred, and gives the catalog a new serial when they are others than the last time, on any
 * node. Null without a zone of our own.
 */
export async function readCatalog(platform: Platform): Promise<Catalog | null> {
  const name = catalogName(platform.config)
  const { dnsZone } = platform.config
  if (name === null || dnsZone === null) return null
  return await transaction(platform.db, async (tx) => {
    // Locked first: nodes that look at the same moment see the same rows.
    const { rows } = await sql<{ serial: number; members_digest: string }>`
      select serial, members_digest from dns_catalog where id = 1 for update`.execute(tx)
    const members = [{ label: 'platform', name: dnsZone }, ...(await readMembers(tx))]
    const digest = digestOf(members)
    const before = rows[0] ?? { serial: 1, members_digest: '' }
    if (before.members_digest === digest) return { name, serial: before.serial, members }
    const serial = Math.max(before.serial + 1, Math.floor(platform.clock.now().getTime() / 1000))
    await sql`update dns_catalog set serial = ${serial}, members_digest = ${digest} where id = 1`.execute(tx)
    return { name, serial, members }
  })
}

type MemberRow = { id: string; name: string; workspace_id: string; is_proven: boolean }

async function readMembers(tx: Tx): Promise<CatalogMember[]> {
  const { rows } = await sql<MemberRow>`
    select id, name, workspace_id,
      case when state = 'deletion_scheduled' then coalesce(state_before_deletion, state) else state end
        in ('active', 'suspended', 'expired') and name not like '%.test' as is_proven
    from domains where ${isAnswered} order by id`.execute(tx)
  const byName = new Map(rows.map((row) => [row.name, row]))
  return rows
    .filter((row) => !isTaken(row, byName))
    .map(({ id, name }) => ({ label: id.replaceAll('-', ''), name }))
}

/**
 * Whether another workspace has a zone above whose owner is known, while nobody has seen yet that this name was given
 * away. Our own name server does not speak for such a zone, and a secondary could not know.
 */
function isTaken(row: MemberRow, byName: ReadonlyMap<string, MemberRow>): boolean {
  if (row.is_proven) return false
  for (let at = row.name.indexOf('.'); at !== -1; at = row.name.indexOf('.', at + 1)) {
    const above = byName.get(row.name.slice(at + 1))
    if (above?.is_proven === true && above.workspace_id !== row.workspace_id) return true
  }
  return false
}

function digestOf(members: readonly CatalogMember[]): string {
  const hash = createHash('sha256')
  for (const { label, name } of members) hash.update(`${label} ${name}\n`)
  return hash.digest('base64')
}

// Nobody resolves names in it, so that nothing has to be remembered.
const ttl = 0

/** Its records but the SOA (RFC 9432 §4). */
export function* catalogSets({ name, members }: Catalog): Generator<WireRRset> {
  const set = (owner: string, type: number, rdata: Buffer): WireRRset => ({
    owner,
    type,
    ttl,
    rdata: [rdata],
    wildcard: null,
  })
  yield set(name, dnsTypes.NS, encodeName('invalid')) // §4.1: it must have one, which leads nowhere
  yield set(`version.${name}`, dnsTypes.TXT, Buffer.from([1, 0x32])) // "2"
  for (const member of members) {
    yield set(`${member.label}.zones.${name}`, dnsTypes.PTR, encodeName(member.name))
  }
}
