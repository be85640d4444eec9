/** Many served zones for the name server's benchmark, as rows: with keys and records of their owners. */
import { join } from 'node:path'
import pg from 'pg'
import { connectionStringOfRunning } from '../src/platform/postgres-attach.ts'

/** Makes domains `zoneN.example` for N from 1 on. The server reads them when it starts. */
export async function insertZones(dataDir: string, count: number): Promise<void> {
  await withDatabase(dataDir, async (client) => {
    await client.query(insertDomains, [count])
    await client.query(insertKeys)
    await client.query(insertRecords)
    await client.query('analyze domains, dkim_keys, zone_records')
  })
}

export async function withDatabase<T>(dataDir: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const connectionString = await connectionStringOfRunning(join(dataDir, 'postgres'))
  if (connectionString === null) throw new Error('no database runs there')
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const insertDomains = `
  insert into domains (id, organization_id, workspace_id, name, state, ownership_token, dns_mode, created_at,
    updated_at, state_changed_at)
  select gen_random_uuid(), w.organization_id, w.id, 'zone' || n || '.example', 'active', md5(n::text), 'served',
    now(), now(), now()
  from generate_series(1, $1::int) n, workspaces w where w.is_default`

// As long as real ones are: 294 bytes of an RSA key, 32 of an Ed25519 key.
const insertKeys = `
  insert into dkim_keys (id, domain_id, algorithm, selector, public_key, sealed_private_key, key_id, state,
    created_at, activated_at)
  select gen_random_uuid(), d.id, k.algorithm, k.selector, k.public_key, '\\x00', 'bench', 'active', now(), now()
  from domains d, (values
    ('rsa-sha256', 'mwr1', repeat('MIIBIjANBgkq', 33)), ('ed25519-sha256', 'mwe1', repeat('MCowBQYDK2Vw', 4))
  ) k (algorithm, selector, public_key)
  where d.dns_mode = 'served'`

const insertRecords = `
  insert into zone_records (id, workspace_id, domain_id, name, type, ttl, value, created_at, updated_at)
  select gen_random_uuid(), d.workspace_id, d.id, r.label || d.name, r.type, 300, r.value, now(), now()
  from domains d, (values ('www.', 'A', '192.0.2.1'), ('www.', 'AAAA', '2001:db8::1'), ('shop.', 'CNAME',
    'shops.elsewhere.example')) r (label, type, value)
  where d.dns_mode = 'served'`
