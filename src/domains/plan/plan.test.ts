/** What the plan of a domain has, by its settings and by who answers for its DNS. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { desiredRecords } from '../desired-records.ts'
import type { DkimKey } from '../dkim-keys.ts'
import { mtaStsPolicy } from '../mta-sts.ts'
import type { MtaStsMode } from '../tables.ts'
import { nameserversOf } from '../zones/own-names.ts'
import type { PlanConfig, PlanDomain } from './record.ts'

const config: PlanConfig = {
  hostname: 'MX.platform.example',
  dnsZone: null,
  nameservers: [],
  publicAddresses: [],
  acmeDirectoryUrl: null,
  publicPorts: new Map(),
  imapPort: 143,
  imapsPort: 993,
  pop3Port: null,
  pop3sPort: 995,
  submissionPort: 587,
  submissionsPort: 465,
}
const domain: PlanDomain = {
  id: '0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000',
  workspace_id: '0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001',
  name: 'shop.example',
  ownership_token: 'token',
  dns_mode: 'manual',
  zone_held: false,
  dmarc_policy: 'none',
  dmarc_report_address: null,
  mta_sts_mode: 'none',
  mta_sts_withdrawn_at: null,
  bimi_logo_url: null,
  redirect_url: null,
}
const keys: DkimKey[] = [
  { algorithm: 'rsa-sha256', selector: 'mwr1', public_key: 'RSA', state: 'active' },
  { algorithm: 'ed25519-sha256', selector: 'mwe1', public_key: 'ED', state: 'active' },
]

type More = { config?: Partial<PlanConfig>; domain?: Partial<PlanDomain>; keys?: DkimKey[] }

/** The plan as lines, without the domain's name. */
function plan(more: More = {}): string[] {
  const records = desiredRecords(
    { ...config, ...more.config },
    { ...domain, ...more.domain },
    more.keys ?? keys,
  )
  return records.map(({ level, name, type, value }) => {
    const relative = name === 'shop.example' ? '@' : name.replace('.shop.example', '')
    return `${level} ${relative} ${type} ${value}`
  })
}

function has(lines: readonly string[], part: RegExp): string[] {
  return lines.filter((line) => part.test(line))
}

test('a new domain whose owner pastes records', () => {
  assert.deepEqual(plan(), [
    'required _mailwright TXT mailwright-verification=token',
    'required @ MX 10 mx.platform.example',
    'recommended @ TXT v=spf1 mx ~all',
    'recommended mwr1._domainkey TXT v=DKIM1; k=rsa; p=RSA',
    'recommended mwe1._domainkey TXT v=DKIM1; k=ed25519; p=ED',
    'recommended _dmarc TXT v=DMARC1; p=none; rua=mailto:dmarc-reports@shop.example',
    'recommended _smtp._tls TXT v=TLSRPTv1; rua=mailto:tls-reports@shop.example',
    'optional autoconfig CNAME mx.platform.example',
    'optional autodiscover CNAME mx.platform.example',
    'optional _autodiscover._tcp SRV 0 0 443 mx.platform.example',
    'optional _submissions._tcp SRV 0 1 465 mx.platform.example',
    'optional _submission._tcp SRV 10 1 587 mx.platform.example',
    'optional _imaps._tcp SRV 0 1 993 mx.platform.example',
    'optional _imap._tcp SRV 10 1 143 mx.platform.example',
    'optional _pop3s._tcp SRV 0 1 995 mx.platform.example',
    'optional _pop3._tcp SRV 0 0 0 .',
  ])
})

const addresses = ['192.0.2.1', '2001:db8::1']

test('served: name servers instead of a proof, keys as texts, addresses for web names', () => {
  const served = {
    config: { dnsZone: 'mw.example', publicAddresses: addresses },
    domain: { dns_mode: 'served' as const },
  }
  const lines = plan(served)
  const nameservers = nameserversOf({ dnsZone: 'mw.example', nameservers: [] }, domain.workspace_id)
  assert.deepEqual(
    has(lines, / NS /),
    nameservers.map((name) => `required @ NS ${name}`),
  )
  assert.deepEqual(has(lines, /ownership|verification/), [])
  assert.equal(has(lines, /_domainkey TXT/).length, 2)
  assert.deepEqual(has(lines, / autoconfig /), [
    'optional autoconfig A 192.0.2.1',
    'optional autoconfig AAAA 2001:db8::1',
  ])
  assert.deepEqual(
    has(plan({ domain: { dns_mode: 'served' }, config: { dnsZone: 'mw.example' } }), / autoconfig /),
    ['optional autoconfig CNAME mx.platform.example'],
  )
  const held = plan({ ...served, domain: { dns_mode: 'served', zone_held: true } })
  assert.equal(has(held, /required _mailwright TXT/).length, 1)
})

for (const dnsMode of ['manual', 'driven'] as const) {
  test(`${dnsMode}, with a zone of the platform: four selectors as aliases into it`, () => {
    const lines = has(
      plan({ config: { dnsZone: 'mw.example' }, domain: { dns_mode: dnsMode } }),
      /_domainkey/,
    )
    const target = `${domain.id.replaceAll('-', '')}.dkim.mw.example`
    assert.deepEqual(
      lines,
      ['mwr1', 'mwr2', 'mwe1', 'mwe2'].map((one) => `recommended ${one}._domainkey CNAME ${one}.${target}`),
    )
  })
}

test('keys that are changed: the next is wanted, the one before is not missed', () => {
  const changing: DkimKey[] = [
    { algorithm: 'rsa-sha256', selector: 'mwr2', public_key: 'NEXT', state: 'pending' },
    { algorithm: 'rsa-sha256', selector: 'mwr1', public_key: 'OLD', state: 'retired' },
  ]
  assert.deepEqual(has(plan({ keys: changing }), /_domainkey/), [
    'recommended mwr2._domainkey TXT v=DKIM1; k=rsa; p=NEXT',
    'optional mwr1._domainkey TXT v=DKIM1; k=rsa; p=OLD',
  ])
})

const withdrawnAt = new Date('2026-01-01T00:00:00Z')
const stsId = (mode: MtaStsMode, at: Date | null): string | undefined =>
  mtaStsPolicy(config, { mta_sts_mode: mode, mta_sts_withdrawn_at: at })?.id

const settings: [what: string, more: More, expected: string[]][] = [
  [
    'DMARC with a policy and a second address',
    { domain: { dmarc_policy: 'reject', dmarc_report_address: 'd@x.example' } },
    ['recommended _dmarc TXT v=DMARC1; p=reject; rua=mailto:dmarc-reports@shop.example,mailto:d@x.example'],
  ],
  [
    'MTA-STS',
    { domain: { mta_sts_mode: 'testing' } },
    [
      `recommended _mta-sts TXT v=STSv1; id=${stsId('testing', null)}`,
      'recommended mta-sts CNAME mx.platform.example',
    ],
  ],
  [
    'MTA-STS that is taken back',
    { domain: { mta_sts_withdrawn_at: withdrawnAt } },
    [
      `recommended _mta-sts TXT v=STSv1; id=${stsId('none', withdrawnAt)}`,
      'recommended mta-sts CNAME mx.platform.example',
    ],
  ],
  [
    'ports of the outside',
    {
      config: {
        publicPorts: new Map([
          ['imaps', 1993],
          ['submission', null],
        ]),
      },
    },
    ['optional _submission._tcp SRV 0 0 0 .', 'optional _imaps._tcp SRV 0 1 1993 mx.platform.example'],
  ],
  [
    'BIMI',
    { domain: { bimi_logo_url: 'https://x.example/a;b.svg' } },
    ['optional default._bimi TXT v=BIMI1; l=https://x.example/a%3Bb.svg'],
  ],
  [
    'a redirect, where addresses are known',
    { domain: { redirect_url: 'https://x.example/' }, config: { publicAddresses: addresses } },
    ['optional @ A 192.0.2.1', 'optional @ AAAA 2001:db8::1', 'optional www CNAME mx.platform.example'],
  ],
  [
    'a redirect, where none are',
    { domain: { redirect_url: 'https://x.example/' } },
    ['optional www CNAME mx.platform.example'],
  ],
  [
    'CAA, for an authority that is known',
    { config: { acmeDirectoryUrl: 'https://acme-v02.api.letsencrypt.org/directory' } },
    ['optional @ CAA 0 issue "letsencrypt.org"'],
  ],
  ['no CAA for a private authority', { config: { acmeDirectoryUrl: 'https://ca.inner.example/dir' } }, []],
]
for (const [what, more, expected] of settings) {
  test(`plan: ${what}`, () => {
    const usual = new Set(plan())
    assert.deepEqual(
      plan(more).filter((line) => !usual.has(line)),
      expected,
    )
  })
}

test('we write no CAA into a zone whose web site is somewhere else', () => {
  const acme = { acmeDirectoryUrl: 'https://acme-v02.api.letsencrypt.org/directory' }
  for (const dnsMode of ['served', 'driven'] as const) {
    assert.deepEqual(has(plan({ config: acme, domain: { dns_mode: dnsMode } }), / CAA /), [])
    const redirecting = { dns_mode: dnsMode, redirect_url: 'https://x.example/' }
    assert.equal(has(plan({ config: acme, domain: redirecting }), / CAA /).length, 1)
  }
})
