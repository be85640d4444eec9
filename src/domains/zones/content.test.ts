import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testConfig } from '../../testing/test-platform.ts'
import { type CustomerRecord, type ServedDomain, zoneContent } from './content.ts'
import { nameserversOf } from './own-names.ts'

const config = testConfig({ MAILWRIGHT_DNS_ZONE: 'mw.example', MAILWRIGHT_HOSTNAME: 'mx.mw.example' })

const domain: ServedDomain = {
  id: '0197f000-0000-7000-8000-000000000001',
  workspace_id: '0197f000-0000-7000-8000-000000000002',
  name: 'content.example',
  state: 'active',
  ownership_token: 'token',
  zone_serial: 7,
  dmarc_policy: 'none',
  dmarc_report_address: null,
  mta_sts_mode: 'none',
  mta_sts_withdrawn_at: null,
  bimi_logo_url: null,
  redirect_url: null,
  state_before_deletion: null,
}
const keys = [
  { algorithm: 'ed25519-sha256', selector: 'mwe1', public_key: 'PUBLIC', state: 'active' },
] as const

function values(records: CustomerRecord[], name: string, type: string): readonly string[] | null {
  const zone = zoneContent(config, domain, keys, records)
  const found = zone.rrsets.filter((set) => set.name === name && set.type === type)
  assert.ok(found.length <= 1, 'sets are merged')
  return found[0]?.values ?? null
}

test('a zone has its name servers, and everything that the plan says', () => {
  assert.deepEqual(values([], 'content.example', 'NS'), nameserversOf(config, domain.workspace_id))
  assert.deepEqual(values([], 'content.example', 'MX'), ['10 mx.mw.example'])
  assert.deepEqual(values([], 'mwe1._domainkey.content.example', 'TXT'), ['v=DKIM1; k=ed25519; p=PUBLIC'])
  assert.equal(values([], '_mailwright.content.example', 'TXT'), null) // the delegation proves as much
  assert.match(values([], '_dmarc.content.example', 'TXT')?.[0] ?? '', /^v=DMARC1; p=none/)
  assert.equal(zoneContent(config, domain, keys, []).serial, 7)
})

test('a set of the owner joins the platform’s of the same name and type, with the smaller TTL', () => {
  const record = { name: 'content.example', type: 'TXT', ttl: 60, value: 'hello' } as const
  const set = zoneContent(config, domain, keys, [record]).rrsets.find(
    ({ name, type }) => name === 'content.example' && type === 'TXT',
  )
  assert.equal(set?.ttl, 60)
  assert.ok(set?.values.includes('hello') && set.values.some((value) => value.startsWith('v=spf1')))
})

const dropped: [why: string, record: CustomerRecord][] = [
  ['a CNAME at the apex', { name: 'content.example', type: 'CNAME', ttl: 60, value: 'x.example' }],
  [
    'a CNAME where the platform has data',
    { name: '_dmarc.content.example', type: 'CNAME', ttl: 60, value: 'x.example' },
  ],
  ['name servers of the apex', { name: 'content.example', type: 'NS', ttl: 60, value: 'ns.x.example' }],
  [
    'a delegation above a record of the platform',
    { name: '_domainkey.content.example', type: 'NS', ttl: 60, value: 'ns.x.example' },
  ],
  [
    'a delegation at a record of the platform',
    { name: '_dmarc.content.example', type: 'NS', ttl: 60, value: 'ns.x.example' },
  ],
  ['a name of another zone', { name: 'other.example', type: 'A', ttl: 60, value: '192.0.2.1' }],
  ['a name that only ends alike', { name: 'notcontent.example', type: 'A', ttl: 60, value: '192.0.2.1' }],
]
for (const [why, record] of dropped) {
  test(`left out: ${why}`, () => {
    const found = values([record], record.name, record.type) ?? []
    assert.ok(!found.includes(record.value))
  })
}

test('a CNAME beside other data of the owner is left out, one alone is not', () => {
  const cname = { name: 'www.content.example', type: 'CNAME', ttl: 60, value: 'x.example' } as const
  const text = { name: 'www.content.example', type: 'TXT', ttl: 60, value: 'hello' } as const
  assert.deepEqual(values([cname], 'www.content.example', 'CNAME'), ['x.example'])
  assert.equal(values([cname, text], 'www.content.example', 'CNAME'), null)
  assert.deepEqual(values([cname, text], 'www.content.example', 'TXT'), ['hello'])
})

test('without names for it, this host is the name server', () => {
  const zone = zoneContent(testConfig({ MAILWRIGHT_HOSTNAME: 'mail.example' }), domain, [], [])
  assert.deepEqual(zone.rrsets.find(({ type }) => type === 'NS')?.values, ['mail.example'])
})
