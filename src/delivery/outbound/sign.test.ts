import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { arc } from 'mailauth/lib/arc/index.js'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { desiredRecords } from '../../domains/desired-records.ts'
import { dkimKeysOf } from '../../domains/dkim-keys.ts'
import { createVault, newMasterKey } from '../../platform/vault.ts'
import { startTestDns } from '../../testing/test-dns.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestPlatform } from '../../testing/test-platform.ts'
import { type SignInput, signatureFields } from './sign.ts'

const dns = await startTestDns()
const t = await startTestPlatform({ MAILWRIGHT_RESOLVER: dns.resolver })
after(async () => {
  await t[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})
const { platform } = t
const domain = await t.connectActiveDomain('ours.example')
await runJobs(platform)
// The zone is what the owner is told to write into it.
for (const record of desiredRecords(platform.config, domain, await dkimKeysOf(platform.db, domain.id))) {
  if (record.purpose === 'dkim') dns.zone[record.name] = { TXT: [record.value] }
}

const raw = 'From: Ann <ann@ours.example>\r\nTo: bob@x.example\r\nSubject: Grüße\r\n\r\nHello  \r\n\r\n'
const forged = raw.replace('ann@ours.example', 'ann@theirs.example')

function input(more: Partial<SignInput> & { text?: string }): SignInput {
  const { text = raw, ...rest } = more
  return {
    kind: 'submission',
    signingDomain: 'ours.example',
    arc: null,
    async *read() {
      const bytes = Buffer.from(text)
      yield bytes.subarray(0, 40)
      yield bytes.subarray(40)
    },
    ...rest,
  }
}

async function sign(
  more: Partial<SignInput> & { text?: string },
): Promise<{ fields: string; whole: Buffer }> {
  const fields = await signatureFields(platform, input(more))
  return { fields, whole: Buffer.from(fields + (more.text ?? raw)) }
}

const resolver = platform.dns.resolve

async function dkimOf(whole: Buffer): Promise<string[]> {
  const { results } = await dkimVerify(whole, { resolver })
  return results
    .filter(({ selector }) => selector !== undefined)
    .map(({ selector, status }) => `${selector} ${status.result}`)
}

async function sealsOf(whole: Buffer) {
  const data = await dkimVerify(whole, { resolver })
  assert.ok(data.arc?.chain)
  return await arc({ ...data.arc, chain: data.arc.chain }, { resolver })
}

test('a submission has both signatures, which verify against the records that the owner was told to set', async () => {
  const { whole } = await sign({})
  assert.deepEqual(await dkimOf(whole), ['mwr1 pass', 'mwe1 pass'])
})

test('so has a notification', async () => {
  const { whole } = await sign({ kind: 'notification' })
  assert.deepEqual(await dkimOf(whole), ['mwr1 pass', 'mwe1 pass'])
})

for (const [what, signingDomain] of [
  ['nobody signs', null],
  ['a domain that is not ours', 'theirs.example'],
] as const) {
  test(`unsigned: ${what}`, async () => {
    assert.equal((await sign({ signingDomain })).fields, '')
  })
}

test('unsigned: a message without an author', async () => {
  assert.equal((await sign({ text: 'To: x@y.example\r\n\r\nHello\r\n' })).fields, '')
})

const forwards: [what: string, text: string, authResults: string, signs: boolean][] = [
  ['another author', forged, 'mx.ours.example; dmarc=pass header.from=theirs.example', false],
  [
    'our author, proved by DMARC',
    raw,
    'mx.ours.example; spf=pass; dmarc=pass header.from=ours.example',
    true,
  ],
  ['our author, who logged in', raw, 'mx.ours.example; auth=pass smtp.auth=ann@ours.example', true],
  ['our author, forged', raw, 'mx.ours.example; spf=pass; dmarc=fail header.from=ours.example', false],
  ['a pass in quotes', raw, 'mx.ours.example; spf=fail smtp.mailfrom="a; dmarc=pass"@x.example', false],
  ['a pass in a comment', raw, 'mx.ours.example; spf=fail (x; dmarc=pass)', false],
  ['two authors', `From: b@x.example\r\n${raw}`, 'mx.ours.example; dmarc=pass', false],
  ['ours among other authors', raw.replace('Ann', 'b@x.example, Ann'), 'mx.ours.example; dmarc=pass', false],
]
for (const [what, text, authResults, signs] of forwards) {
  test(`a forward is sealed; ${what}: ${signs ? 'signed too' : 'not signed'}`, async () => {
    const { whole, fields } = await sign({ kind: 'forward', text, arc: { authResults, cv: 'none' } })
    const result = await sealsOf(whole)
    assert.equal(result.status.result, 'pass')
    assert.match(
      fields,
      /^ARC-Seal: i=1; a=rsa-sha256; [\s\S]*\r\nARC-Authentication-Results: i=1; mx\.ours\.example;/m,
    )
    assert.deepEqual(await dkimOf(whole), signs ? ['mwr1 pass', 'mwe1 pass'] : [])
  })
}

test('a chain that came is continued; a broken one is sealed as broken, once', async () => {
  const authResults = 'mx.ours.example; arc=pass'
  const first = await sign({ kind: 'forward', arc: { authResults, cv: 'none' } })
  const text = first.whole.toString()
  const second = await sign({ kind: 'forward', text, arc: { authResults, cv: 'pass' } })
  const passed = await sealsOf(second.whole)
  assert.deepEqual([passed.status.result, passed.i], ['pass', 2])
  const broken = text.replace('Hello', 'Hallo')
  const failed = await sign({ kind: 'forward', text: broken, arc: { authResults, cv: 'fail' } })
  assert.match(failed.fields, /^ARC-Seal: i=2; [\s\S]*cv=fail/)
  const again = await sign({
    kind: 'forward',
    text: failed.whole.toString(),
    arc: { authResults, cv: 'fail' },
  })
  assert.equal(again.fields, '')
})

test('a forward without results is not sealed', async () => {
  assert.equal((await sign({ kind: 'forward' })).fields, '')
})

test('keys that do not open make the message wait', async () => {
  const stranger = { ...platform, vault: createVault(newMasterKey()) }
  await assert.rejects(signatureFields(stranger, input({})), /master key/)
})
