/** mailauth is the judge of the fast way: what that finds, mailauth finds in the same words. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { authenticate, dkimSign } from 'mailauth'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival } from './arrival.ts'
import { authenticatePlain, type PlainResult } from './plain-authentication.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
const edwards = generateKeyPairSync('ed25519')
const rsaText = rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const shortText = short.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const bareText = rsa.publicKey.export({ type: 'pkcs1', format: 'der' }).toString('base64')
const edwardsText = edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')

type Records = Readonly<Record<string, string[][]>>

const records: Records = {
  'shop.example': [['v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all']],
  'other.example': [['v=spf1 ip4:192.0.2.1 -all']],
  '_dmarc.shop.example': [['v=DMARC1; p=reject; sp=quarantine; rua=mailto:d@shop.example']],
  'r._domainkey.shop.example': [[`v=DKIM1; k=rsa; p=${rsaText.slice(0, 200)}`, rsaText.slice(200)]],
  'e._domainkey.shop.example': [[`v=DKIM1; k=ed25519; p=${edwardsText}`]],
  'r._domainkey.mailer.example': [[`p=${rsaText}`]],
  'r._domainkey.news.shop.example': [[`v=DKIM1; p=${rsaText}`]],
}

function resolverOf(zone: Records) {
  return async (name: string, type: string): Promise<string[][]> => {
    const found = type === 'TXT' ? zone[name] : undefined
    if (found) return found
    throw Object.assign(new Error(`no ${type} of ${name}`), { code: 'ENOTFOUND' })
  }
}

const hostname = 'mx.host.example'
const helo = 'out.shop.example'
const now = new Date('2026-11-29T12:00:00Z')

function arrivalOf(bytes: Buffer, mailFrom: string): Arrival {
  const blank = bytes.indexOf('\r\n\r\n')
  const header = bytes.subarray(0, blank === -1 ? bytes.length : blank + 4)
  const message = {
    sizeBytes: bytes.length,
    header,
    async *read(start = 0, end = bytes.length) {
      for (let at = start; at < end; at += 700) yield bytes.subarray(at, Math.min(end, at + 700))
    },
    async [Symbol.asyncDispose]() {},
  }
  const arrival: Partial<Arrival> = { mailFrom, message }
  return arrival as Arrival // what the checks look at
}

type Case = { bytes: Buffer; mailFrom?: string; address?: string; zone?: Records }

async function plain({ bytes, mailFrom, address, zone }: Case): Promise<PlainResult | null> {
  const resolve = resolverOf(zone ?? records)
  const platform = { config: { hostname }, clock: { now: () => now } }
  return await authenticatePlain(
    platform as Platform,
    { resolve, [Symbol.dispose]() {} },
    arrivalOf(bytes, mailFrom ?? 'ann@shop.example'),
    { helo, address: address ?? '192.0.2.1' },
  )
}

async function byMailauth({ bytes, mailFrom, address, zone }: Case) {
  const resolver = resolverOf(zone ?? records)
  return await authenticate(bytes, {
    sender: mailFrom ?? 'ann@shop.example',
    helo,
    ip: address ?? '192.0.2.1',
    mta: hostname,
    resolver,
    minBitLength: 1024,
    rejectRsaSha1: true,
    disableBimi: true,
    strict: true,
  })
}

async function agree(one: Case, found: PlainResult): Promise<void> {
  const judged = await byMailauth(one)
  assert.equal(found.fields, judged.headers)
  assert.equal(found.authResults, judged.arc ? judged.arc.authResults : '')
  assert.equal(judged.dmarc ? judged.dmarc.status.result : null, 'pass')
  assert.equal(judged.dmarc ? judged.dmarc.policy : null, found.policy.policy)
  assert.deepEqual(
    judged.dkim.results.flatMap(({ signingDomain, status }) =>
      signingDomain ? [{ domain: signingDomain, aligned: Boolean(status.aligned) }] : [],
    ),
    found.signatures.map(({ domain }) => ({ domain, aligned: domain === found.author })),
  )
}

type Signer = {
  domain?: string
  selector?: string
  key?: typeof rsa
  form?: string
  expires?: Date
  maxBodyLength?: number
}

async function signed(raw: string, ...signers: Signer[]): Promise<Buffer> {
  let fields = ''
  for (const {
    domain = 'shop.example',
    selector = 'r',
    key = rsa,
    form = 'relaxed/relaxed',
    ...more
  } of signers) {
    const signer = {
      signingDomain: domain,
      selector,
      privateKey: String(key.privateKey.export({ type: 'pkcs8', format: 'pem' })),
      ...(more.maxBodyLength === undefined ? {} : { maxBodyLength: more.maxBodyLength }),
    }
    const { signatures, errors } = await dkimSign(raw, {
      ...signer,
      canonicalization: form,
      signTime: new Date(now.getTime() - 60_000),
      ...(more.expires ? { expires: more.expires } : {}),
      signatureData: [signer],
    })
    if (errors?.length) throw new Error(String(errors[0]?.err))
    fields += signatures
  }
  return Buffer.from(fields + raw)
}

const letter = [
  'From: "Ann of the shop" <ann@shop.example>',
  'To: bob@host.example',
  'Subject: Your  order\r\n\tis on its way ',
  'Date: Sun, 29 Nov 2026 11:59:00 +0000',
  'Message-ID: <1@shop.example>',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'Good  morning, \t',
  '',
  'it left the house. \r\n\r\n\r\n',
].join('\r\n')

test('what is plain is judged as mailauth judges it, in its words', async () => {
  const cases: Record<string, Case> = {
    'relaxed/relaxed': { bytes: await signed(letter, {}) },
    'relaxed/simple': { bytes: await signed(letter, { form: 'relaxed/simple' }) },
    'simple/relaxed': { bytes: await signed(letter, { form: 'simple/relaxed' }) },
    'simple/simple': { bytes: await signed(letter, { form: 'simple/simple' }) },
    Ed25519: { bytes: await signed(letter, { selector: 'e', key: edwards }) },
    'both keys': { bytes: await signed(letter, {}, { selector: 'e', key: edwards }) },
    'a mailer signs, too': { bytes: await signed(letter, { domain: 'mailer.example' }, {}) },
    'an empty body': { bytes: await signed(letter.slice(0, letter.indexOf('\r\n\r\n') + 4), {}) },
    'no signature, but SPF': { bytes: Buffer.from(letter) },
    'SPF of another domain': { bytes: await signed(letter, {}), mailFrom: 'bounce@other.example' },
    'SPF that fails': { bytes: await signed(letter, {}), address: '192.0.2.77' },
    IPv6: { bytes: await signed(letter, {}), address: '2001:db8::1' },
    'the null sender': { bytes: await signed(letter, {}), mailFrom: '' },
    'a bare address': { bytes: await signed(letter.replace(/^From: .*/, 'From: ann@Shop.Example'), {}) },
    'that will expire': { bytes: await signed(letter, { expires: new Date('2099-01-01') }) },
  }
  for (const [name, one] of Object.entries(cases)) {
    const found = await plain(one)
    assert.ok(found, name)
    await agree(one, found)
  }
})

test('what is not plain, or does not pass, is left to mailauth', async () => {
  const good = (await signed(letter, {})).toString('latin1')
  const changed = (from: string | RegExp, to: string): Case => {
    const text = good.replace(from, to)
    assert.notEqual(text, good)
    return { bytes: Buffer.from(text, 'latin1') }
  }
  const cases: Record<string, Case> = {
    'a changed body': changed('the house', 'the mouse'),
    'more body': { bytes: Buffer.from(`${good}more\r\n`, 'latin1') },
    'a changed subject': changed('Your  order', 'Your odder'),
    'a second author': changed('From:', 'From: eve@evil.example\r\nFrom:'),
    'a second author at the end': changed('MIME-Version:', 'from : eve@evil.example\r\nMIME-Version:'),
    'two addresses': { bytes: await signed(letter.replace('>', '>, <eve@evil.example>'), {}) },
    'an address in the display name': {
      bytes: await signed(letter.replace('Ann of the shop', 'boss@bank.example'), {}),
    },
    'an ARC chain': changed(
      'From:',
      'ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.example; s=s; b=aaaa\r\nFrom:',
    ),
    'a line that is no field': changed('From:', 'this is no field\r\nFrom:'),
    'a header in UTF-8': { bytes: await signed(letter.replace('Your', 'Für'), {}) },
    'a bare LF in the body': changed('Good', 'G\nood'),
    'a bare CR in the header': changed('Your', 'Y\rour'),
    'no end of the header': { bytes: Buffer.from(good.slice(0, good.indexOf('\r\n\r\n') + 2), 'latin1') },
    'part of the body signed': { bytes: await signed(letter, { maxBodyLength: 5 }) },
    expired: { bytes: await signed(letter, { expires: new Date(now.getTime() - 1000) }) },
    'a subdomain signs': { bytes: await signed(letter, { domain: 'news.shop.example' }) },
    'only a mailer signs, SPF of another': {
      bytes: await signed(letter, { domain: 'mailer.example' }),
      mailFrom: 'x@other.example',
    },
    'no signature, SPF of another': { bytes: Buffer.from(letter), mailFrom: 'x@other.example' },
    'no signature, SPF fails': { bytes: Buffer.from(letter), address: '192.0.2.77' },
    'an unknown tag': changed('; s=r;', '; s=r; z=From:x;'),
    'a tag twice': changed('; s=r;', '; s=r; s=r;'),
    'From not signed': changed(/: From;/, ': Fromm;'),
    'no such key': { bytes: await signed(letter, { selector: 'gone' }) },
  }
  for (const [name, one] of Object.entries(cases)) assert.equal(await plain(one), null, name)
})

test('key records and policies', async () => {
  const bytes = await signed(letter, {})
  const weak = await signed(letter, { key: short })
  const withKey = (...texts: string[]): Records => ({
    ...records,
    'r._domainkey.shop.example': texts.map((text) => [text]),
  })
  const withPolicy = (...texts: string[]): Records => ({
    ...records,
    '_dmarc.shop.example': texts.map((text) => [text]),
  })
  const cases: [Case, boolean][] = [
    [{ bytes, zone: withKey(`p=${rsaText}`) }, true],
    [{ bytes, zone: withKey(`k=rsa; t=s; s=email; h=sha256; p=${rsaText};`) }, true],
    [{ bytes: weak, zone: withKey(`p=${shortText}`) }, true],
    [{ bytes, zone: withKey(`v=DKIM1; k=rsa; p=`) }, false],
    [{ bytes, zone: withKey(`k=rsa; v=DKIM1; p=${rsaText}`) }, false],
    [{ bytes, zone: withKey(`v=DKIM2; p=${rsaText}`) }, false],
    [{ bytes, zone: withKey(`v=DKIM1; p=${bareText}`) }, false],
    [{ bytes, zone: withKey(`v=DKIM1; k=ed25519; p=${edwardsText}`) }, false],
    [{ bytes, zone: withKey(`v=DKIM1; k=ed25519; p=${rsaText}`) }, false],
    [{ bytes, zone: withKey(`v=DKIM1; t=y; p=${rsaText}`) }, false],
    [{ bytes, zone: withKey(`v=DKIM1; h=sha1; p=${rsaText}`) }, false],
    [{ bytes, zone: withKey(`v=DKIM1; s=tlsrpt; p=${rsaText}`) }, false],
    [{ bytes, zone: withKey(`p=${rsaText}`, `p=${rsaText}`) }, false],
    [{ bytes, zone: withKey(`p=${shortText}`) }, false],
    [{ bytes, zone: withPolicy('v=DMARC1;p=none') }, true],
    [{ bytes, zone: withPolicy('v=DMARC1; p=quarantine; adkim=s; aspf=s; pct=50; fo=1;') }, true],
    [{ bytes, zone: withPolicy('v=DMARC1; p=reject; np=none') }, true],
    [{ bytes, zone: withPolicy('v=DMARC1; p=Reject') }, false],
    [{ bytes, zone: withPolicy('v=DMARC1; p=reject; t=y') }, false],
    [{ bytes, zone: withPolicy('v=DMARC1; p=reject; sp=never') }, false],
    [{ bytes, zone: withPolicy('v=DMARC1; rua=mailto:a@shop.example') }, false],
    [{ bytes, zone: withPolicy('v=DMARC1; p=reject; p=none') }, false],
    [{ bytes, zone: withPolicy('v=DMARC1; p=reject', 'v=DMARC1; p=none') }, false],
    [{ bytes, zone: withPolicy('v=dmarc1; p=reject') }, false],
    [{ bytes, zone: withPolicy() }, false],
  ]
  for (const [one, isPlain] of cases) {
    const found = await plain(one)
    assert.equal(found !== null, isPlain, JSON.stringify(one.zone))
    if (found) await agree(one, found)
  }
})

test('a CR or an LF that stands alone in the body is for mailauth, wherever it stands', async () => {
  const bytes = await signed(letter, {})
  const end = bytes.indexOf('\r\n\r\n') + 4
  assert.ok(await plain({ bytes }))
  for (const odd of ['\r', '\n']) {
    for (const at of [end, end + 3, bytes.length - 2, bytes.length - 1, bytes.length]) {
      const changed = Buffer.concat([bytes.subarray(0, at), Buffer.from(odd), bytes.subarray(at)])
      assert.equal(await plain({ bytes: changed }), null, `${JSON.stringify(odd)} at ${at}`)
    }
  }
})

test('a message that is changed anywhere passes only as mailauth lets it pass', async () => {
  const bytes = await signed(letter, { form: 'relaxed/simple' }, { selector: 'e', key: edwards })
  const pieces = fc.constantFrom(
    '\r\n',
    ' ',
    '\t',
    ';',
    ':',
    '=',
    'From: x@shop.example\r\n',
    'b=',
    'A',
    '\0',
    '\r',
    '\n',
  )
  const change = fc.record({ at: fc.nat(bytes.length), cut: fc.nat(3), put: pieces })
  let passed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      let text = bytes.toString('latin1')
      for (const { at, cut, put } of changes) text = text.slice(0, at) + put + text.slice(at + cut)
      const one = { bytes: Buffer.from(text, 'latin1') }
      const found = await plain(one)
      if (found === null) return
      passed += 1
      await agree(one, found)
    }),
    { numRuns: 1500 },
  )
  assert.ok(passed < 1500)
})
