/** SPF, DKIM, DMARC and ARC of what arrives, from a zone of the test's own, and what the recipients' policies make of it. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { dkimSign, sealMessage } from 'mailauth'
import { type DeliveryPolicySettings, putDeliverySettings } from '../../delivery/policies.ts'
import type { Trust } from '../../messages/trust.ts'
import { transaction } from '../../platform/database.ts'
import { startTestDns, type TestDns, type Zone } from '../../testing/test-dns.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { rawMessages, sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const shortRsa = generateKeyPairSync('rsa', { modulusLength: 512 })
const ed25519 = generateKeyPairSync('ed25519')

const pem = (key: { privateKey: { export(o: { type: 'pkcs8'; format: 'pem' }): string | Buffer } }): string =>
  String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }))
const rsaRecord = (key: typeof rsa): string =>
  `v=DKIM1; k=rsa; p=${key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`
// RFC 8463 §4.2: the 32 bytes of the key alone.
const edRecord = `v=DKIM1; k=ed25519; p=${ed25519.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`

const keys = {
  'r._domainkey': rsaRecord(rsa),
  'e._domainkey': edRecord,
  'short._domainkey': rsaRecord(shortRsa),
}

/** A domain with its keys, its SPF record and its DMARC record. */
function domain(name: string, spf: string | null, dmarc: string | null): Zone {
  return {
    [name]: spf === null ? {} : { TXT: [spf] },
    ...Object.fromEntries(Object.entries(keys).map(([label, text]) => [`${label}.${name}`, { TXT: [text] }])),
    ...(dmarc === null ? {} : { [`_dmarc.${name}`]: { TXT: [dmarc] } }),
  }
}

const here = 'v=spf1 ip4:127.0.0.1 -all'
const zone: Zone = {
  ...domain('pass.example', here, 'v=DMARC1; p=reject'),
  ...domain('fail.example', 'v=spf1 -all', null),
  ...domain('soft.example', 'v=spf1 ~all', null),
  ...domain('include.example', 'v=spf1 include:pass.example -all', null),
  ...domain('broken.example', 'v=spf1 nonsense:x -all', null),
  'ill.example': { fails: 'SERVFAIL' },
  ...domain('reject.example', 'v=spf1 -all', 'v=DMARC1; p=reject'),
  ...domain('quarantine.example', 'v=spf1 -all', 'v=DMARC1; p=quarantine'),
  ...domain('observe.example', 'v=spf1 -all', 'v=DMARC1; p=none'),
  ...domain('sub.example', 'v=spf1 -all', 'v=DMARC1; p=none; sp=reject'),
  'host.sub.example': { TXT: ['v=spf1 -all'] },
  ...domain('strict.example', here, 'v=DMARC1; p=reject; adkim=s; aspf=s'),
  ...domain('host.strict.example', here, null),
  'ill-dmarc.example': {},
  '_dmarc.ill-dmarc.example': { fails: 'SERVFAIL' },
  ...domain('sealer.example', here, null),
  ...domain('other-sealer.example', here, null),
}

let dns: TestDns
let smtp: TestSmtp
before(async () => {
  dns = await startTestDns(zone)
  smtp = await startTestSmtp({
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_HOSTNAME: 'mx.here.example',
    MAILWRIGHT_TRUSTED_ARC_SEALERS: 'sealer.example',
    MAILWRIGHT_LOG_LEVEL: 'silent',
  })
})
after(async () => {
  await smtp[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

function mail(from: string, more = ''): string {
  return `From: Author <${from}>\r\nTo: you@demo.test\r\nSubject: Hello\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x.example>\r\n${more}\r\nThe text.\r\n`
}

type Signing = { domain: string; selector?: 'r' | 'e' | 'short' }

async function signed(raw: string, { domain: signingDomain, selector = 'r' }: Signing): Promise<string> {
  const key = selector === 'e' ? pem(ed25519) : selector === 'short' ? pem(shortRsa) : pem(rsa)
  const signer = { signingDomain, selector, privateKey: key }
  const options = { ...signer, canonicalization: 'relaxed/relaxed', signatureData: [signer] }
  const result = await dkimSign(raw, options)
  return result.signatures + raw
}

async function receive(from: string, raw: string, boxes: readonly TestMailbox[]): Promise<string> {
  using client = await smtp.greet('smtp')
  return await sendMessage(
    client,
    `<${from}>`,
    boxes.map(({ address }) => address),
    raw,
  )
}

async function stored(box: TestMailbox): Promise<{ trust: Trust; raw: string }> {
  const row = await smtp.t.platform.db
    .selectFrom('messages')
    .innerJoin('bodies', 'bodies.id', 'messages.body_id')
    .select('bodies.trust')
    .where('mailbox_id', '=', box.mailboxId)
    .orderBy('uid', 'desc')
    .executeTakeFirstOrThrow()
  assert.ok(row.trust)
  const raw = (await rawMessages(smtp.t.platform, box.mailboxId)).at(-1)?.toString() ?? ''
  return { trust: row.trust, raw }
}

async function accepted(from: string, raw: string): Promise<{ trust: Trust; raw: string }> {
  const box = await smtp.t.createMailbox()
  assert.match(await receive(from, raw, [box]), /^250 /)
  return await stored(box)
}

const spfRows: [from: string, want: Trust['spf']['result']][] = [
  ['a@pass.example', 'pass'],
  ['a@include.example', 'pass'],
  ['a@fail.example', 'fail'],
  ['a@soft.example', 'softfail'],
  ['a@ill.example', 'temperror'],
  ['a@broken.example', 'permerror'],
  ['a@nothing.example', 'none'],
]
describe('SPF', { concurrency: true }, () => {
  for (const [from, want] of spfRows) {
    test(`of ${from} is ${want}`, async () => {
      const { trust, raw } = await accepted(from, mail('author@nothing.example'))
      assert.equal(trust.spf.result, want)
      assert.equal(trust.spf.domain, from.slice(2))
      assert.match(
        raw,
        new RegExp(`^Authentication-Results: mx\\.here\\.example;(?:\r\n |[^\r])*\\bspf=${want} `, 'm'),
      )
      assert.match(raw, /^Received-SPF: /m)
    })
  }
})

type DkimRow = [
  what: string,
  signing: Signing,
  change: (raw: string) => string,
  want: string,
  aligned: boolean,
]
const same = (raw: string): string => raw
const dkimRows: DkimRow[] = [
  ['RSA', { domain: 'pass.example' }, same, 'pass', true],
  ['Ed25519', { domain: 'pass.example', selector: 'e' }, same, 'pass', true],
  ['a body that was changed', { domain: 'pass.example' }, (raw) => raw.replace('text', 'fake'), 'fail', true],
  [
    'a header that was changed',
    { domain: 'pass.example' },
    (raw) => raw.replace('Hello', 'Fake'),
    'fail',
    true,
  ],
  ['a short key', { domain: 'pass.example', selector: 'short' }, same, 'policy', true],
  ['another domain', { domain: 'soft.example' }, same, 'pass', false],
  ['a domain without the key', { domain: 'nokey.example' }, same, 'neutral', false],
  ['a name server that is ill', { domain: 'ill-dmarc.example' }, same, 'neutral', false],
]
describe('DKIM', { concurrency: true }, () => {
  for (const [what, signing, change, want, aligned] of dkimRows) {
    test(`${what}: ${want}`, async () => {
      const raw = change(await signed(mail('a@pass.example'), signing))
      const { trust } = await accepted('bounces@pass.example', raw)
      assert.deepEqual(trust.dkim, [
        { result: want, domain: signing.domain, selector: signing.selector ?? 'r', aligned },
      ])
      assert.equal(trust.dmarc.result, 'pass', 'SPF is aligned')
    })
  }
  test('several signatures are all told', async () => {
    const once = await signed(mail('a@pass.example'), { domain: 'pass.example' })
    const { trust } = await accepted(
      'b@pass.example',
      await signed(once, { domain: 'soft.example', selector: 'e' }),
    )
    assert.deepEqual(
      trust.dkim.map((one) => [one.domain, one.result]),
      [
        ['soft.example', 'pass'],
        ['pass.example', 'pass'],
      ],
    )
  })
})

type Want = { reply: RegExp } | { folder: 'here' | 'quarantined'; dmarc: Partial<Trust['dmarc']> }
type DmarcRow = [what: string, from: string, policy: DeliveryPolicySettings['dmarc'], want: Want]
const none = { disposition: 'none', override: null } as const
const dmarcRows: DmarcRow[] = [
  ['reject, enforced', 'a@reject.example', 'enforce', { reply: /^550 5\.7\.1 .*DMARC.*reject\.example/ }],
  [
    'reject, at most junk',
    'a@reject.example',
    'junk',
    {
      folder: 'quarantined',
      dmarc: { result: 'fail', policy: 'reject', disposition: 'quarantine', override: 'local_policy' },
    },
  ],
  [
    'reject, only observed',
    'a@reject.example',
    'observe',
    {
      folder: 'here',
      dmarc: { result: 'fail', policy: 'reject', disposition: 'none', override: 'local_policy' },
    },
  ],
  [
    'quarantine, enforced',
    'a@quarantine.example',
    'enforce',
    {
      folder: 'quarantined',
      dmarc: { result: 'fail', policy: 'quarantine', disposition: 'quarantine', override: null },
    },
  ],
  [
    'quarantine, only observed',
    'a@quarantine.example',
    'observe',
    { folder: 'here', dmarc: { disposition: 'none', override: 'local_policy' } },
  ],
  [
    'none',
    'a@observe.example',
    'enforce',
    { folder: 'here', dmarc: { result: 'fail', policy: 'none', ...none } },
  ],
  ['the policy for subdomains', 'a@host.sub.example', 'enforce', { reply: /^550 5\.7\.1 / }],
  [
    'the domain that has one for its subdomains',
    'a@sub.example',
    'enforce',
    { folder: 'here', dmarc: { policy: 'none', ...none } },
  ],
  [
    'no record',
    'a@fail.example',
    'enforce',
    { folder: 'here', dmarc: { result: 'none', policy: null, ...none } },
  ],
  [
    'a name server that is ill',
    'a@ill-dmarc.example',
    'enforce',
    { folder: 'here', dmarc: { result: 'temperror', ...none } },
  ],
]

async function boxWith(dmarc: DeliveryPolicySettings['dmarc']): Promise<TestMailbox> {
  const box = await smtp.t.createMailbox()
  const level = { ...box.owner, scope: 'mailbox', scopeId: box.mailboxId } as const
  await transaction(smtp.t.platform.db, (tx) =>
    putDeliverySettings(smtp.t.platform, tx, level, dmarc === undefined ? {} : { dmarc }),
  )
  return box
}

describe('DMARC', { concurrency: true }, () => {
  for (const [what, from, policy, want] of dmarcRows) {
    test(`${what}`, async () => {
      const box = await boxWith(policy)
      const reply = await receive('x@other.example', mail(from), [box])
      if ('reply' in want) {
        assert.match(reply, want.reply)
        assert.deepEqual(await rawMessages(smtp.t.platform, box.mailboxId), [])
        return
      }
      assert.match(reply, /^250 /)
      const { trust } = await stored(box)
      assert.equal(trust.dmarc.disposition === 'quarantine', want.folder === 'quarantined')
      for (const [key, value] of Object.entries(want.dmarc)) {
        assert.equal(Object.entries(trust.dmarc).find(([name]) => name === key)?.[1], value, key)
      }
      assert.equal(trust.dmarc.domain, from.slice(2))
    })
  }

  test('strict alignment takes no subdomain’s word', async () => {
    const box = await smtp.t.createMailbox()
    const raw = await signed(mail('a@strict.example'), { domain: 'host.strict.example' })
    assert.match(await receive('b@host.strict.example', raw, [box]), /^550 5\.7\.1 /)
    const own = await signed(mail('a@strict.example'), { domain: 'strict.example' })
    assert.match(await receive('b@host.strict.example', own, [box]), /^250 /)
  })

  test('with one recipient who does not enforce, the others get it in Junk', async () => {
    const [enforcing, observing] = [await boxWith('enforce'), await boxWith('observe')]
    assert.match(await receive('x@other.example', mail('a@reject.example'), [enforcing, observing]), /^250 /)
    assert.equal((await stored(enforcing)).trust.dmarc.disposition, 'quarantine')
  })

  test('several authors pass for none of them, and the strictest policy holds', async () => {
    const box = await smtp.t.createMailbox()
    const both = mail('a@pass.example').replace(/^From: .*\r\n/, 'From: a@pass.example, b@fail.example\r\n')
    assert.match(await receive('a@pass.example', both, [box]), /^550 5\.7\.1 /)
    const twice = `From: a@fail.example\r\n${mail('b@fail.example')}`
    assert.match(await receive('a@fail.example', twice, [box]), /^250 /)
    const { trust } = await stored(box)
    assert.equal(trust.dmarc.result, 'fail')
    assert.equal(trust.dmarc.disposition, 'quarantine')
  })
})

/** As a mailing list does it: a footer that breaks the signature, sealed with what it saw before. */
async function throughList(sealer: string): Promise<string> {
  const original = await signed(mail('a@reject.example'), { domain: 'reject.example' })
  const changed = original.replace('The text.', 'The text.\r\n-- \r\nOur list')
  const headers = await sealMessage(changed, {
    signingDomain: sealer,
    selector: 'r',
    privateKey: pem(rsa),
    cv: 'none',
    authResults: `mx.${sealer}; dkim=pass header.d=reject.example; dmarc=pass header.from=reject.example`,
    signTime: new Date(),
  })
  return headers.toString() + changed
}

describe('ARC', { concurrency: true }, () => {
  test('a forwarder that is trusted speaks for what it changed', async () => {
    const { trust, raw } = await accepted('list@sealer.example', await throughList('sealer.example'))
    assert.deepEqual(trust.arc, { result: 'pass', sealers: ['sealer.example'] })
    assert.equal(trust.dmarc.result, 'fail')
    assert.equal(trust.dmarc.disposition, 'none')
    assert.equal(trust.dmarc.override, 'trusted_forwarder')
    assert.match(raw, /\barc=pass\b/)
  })

  test('one that is not speaks for nothing', async () => {
    const box = await smtp.t.createMailbox()
    const raw = await throughList('other-sealer.example')
    assert.match(await receive('list@other-sealer.example', raw, [box]), /^550 5\.7\.1 /)
  })

  test('a seal that is broken speaks for nothing', async () => {
    const box = await smtp.t.createMailbox()
    const raw = (await throughList('sealer.example')).replace('Our list', 'Another list')
    assert.match(await receive('list@sealer.example', raw, [box]), /^550 5\.7\.1 /)
  })
})

test('results that claim to be ours are taken out, those of others stay and keep their signatures', async () => {
  const theirs = 'Authentication-Results: mx.there.example; spf=pass\r\n'
  const forged = [
    'Authentication-Results: mx.here.example; spf=pass; dmarc=pass\r\n',
    'authentication-results: "MX.here.example" 1;\r\n dkim=pass header.d=bank.example\r\n',
    'Authentication-Results: (really) mx.here.example.; auth=pass\r\n',
    'X-Mailwright-Spam: score=-100\r\n',
  ]
  const signedRaw = await signed(mail('a@pass.example', theirs), { domain: 'pass.example' })
  const { raw, trust } = await accepted('a@fail.example', forged.join('') + signedRaw)
  assert.equal(raw.match(/^Authentication-Results: mx\.here\.example;/gim)?.length, 1)
  assert.doesNotMatch(raw, /bank\.example|really|score=-100/)
  assert.ok(raw.endsWith(`${signedRaw}\r\n`), 'the rest is byte for byte what was sent')
  assert.equal(trust.dkim[0]?.result, 'pass')
  assert.equal(raw.match(/^X-Mailwright-Spam: score=\d+\.\d/gm)?.length, 1)
})
