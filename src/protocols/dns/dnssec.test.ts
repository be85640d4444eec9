/** Signed zones as other programs see them: delv validates, with nothing but our DS record. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { delegationSigner } from '../../domains/zones/dnssec/key-records.ts'
import { disableDnssec, dnssecKeyOf, enableDnssec, makeDnssecKey } from '../../domains/zones/dnssec/keys.ts'
import { transaction } from '../../platform/database.ts'
import { exchangeUdp } from '../../platform/dns-wire/client.ts'
import {
  dnsClasses,
  dnsTypes,
  encodeMessage,
  encodeRecord,
  parseMessage,
} from '../../platform/dns-wire/message.ts'
import { requireProgram } from '../../testing/programs.ts'
import { temporaryDirectory } from '../../testing/test-database.ts'
import { outputOf, startTestDnsServer, type TestDnsServer } from '../../testing/test-dns-server.ts'

let t: TestDnsServer
let anchors: string
let id: string
const stack = new AsyncDisposableStack()
const zone = 'signed.example'

before(async () => {
  t = stack.use(await startTestDnsServer())
  id = await t.serve(zone, [
    [`www.${zone}`, 'A', '192.0.2.80'],
    [`alias.${zone}`, 'CNAME', `www.${zone}`],
    [`away.${zone}`, 'CNAME', 'www.elsewhere.example'],
    [`*.wild.${zone}`, 'A', '192.0.2.99'],
    [`a.deep.${zone}`, 'TXT', 'x'.repeat(600)],
    [`child.${zone}`, 'NS', 'ns.elsewhere.example'],
  ])
  await transaction(t.platform.db, (tx) => enableDnssec(t.platform, tx, t.scope, id))
  await makeDnssecKey(t.platform, id)
  await untilSigned(true)
  const key = await dnssecKeyOf(t.platform.db, id)
  const { keyTag, algorithm, digestType, digest } = delegationSigner(
    zone,
    key?.public_key ?? Buffer.alloc(64),
  )
  anchors = join(await temporaryDirectory(stack), 'anchors')
  await writeFile(
    anchors,
    `trust-anchors { "${zone}." static-ds ${keyTag} ${algorithm} ${digestType} "${digest}"; };\n`,
  )
})
after(() => stack.disposeAsync())

async function untilSigned(wanted: boolean): Promise<void> {
  for (;;) {
    const found = await t.store.find(zone, 6)
    if ((found?.signer != null) === wanted) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const at = () => [`@${t.server.address}`, '-p', String(t.server.port)]
const delv = (name: string, type: string) =>
  outputOf('delv', [...at(), '-a', anchors, `+root=${zone}`, '+nomultiline', name, type])
const kdig = (...more: string[]) => outputOf('kdig', [...at(), '+dnssec', ...more])

const validated: [what: string, name: string, type: string, want: RegExp][] = [
  ['a record', `www.${zone}`, 'A', /^; fully validated[\s\S]*192\.0\.2\.80/m],
  ['the keys', zone, 'DNSKEY', /^; fully validated[\s\S]*DNSKEY\s+257 3 13 /m],
  ['CDS for the parent', zone, 'CDS', /^; fully validated[\s\S]*CDS\s+\d+ 13 2 /m],
  ['CDNSKEY for the parent', zone, 'CDNSKEY', /^; fully validated[\s\S]*CDNSKEY\s+257 3 13 /m],
  ['the SOA', zone, 'SOA', /^; fully validated/m],
  ['a long text, over TCP', `a.deep.${zone}`, 'TXT', /^; fully validated/m],
  ['a CNAME and what it leads to', `alias.${zone}`, 'A', /^; fully validated[\s\S]*192\.0\.2\.80/m],
  ['what a wildcard gives', `any.wild.${zone}`, 'A', /^; fully validated[\s\S]*192\.0\.2\.99/m],
  ['a type that is not there', `www.${zone}`, 'AAAA', /^; negative response, fully validated/m],
  ['a name that is not there', `none.${zone}`, 'A', /^; negative response, fully validated/m],
  ['a name far below what is there', `a.b.c.www.${zone}`, 'MX', /^; negative response, fully validated/m],
  ['an empty non-terminal', `deep.${zone}`, 'A', /^; negative response, fully validated/m],
  ['a type of a wildcard', `any.wild.${zone}`, 'MX', /^; negative response, fully validated/m],
  ['that a delegation has no DS', `child.${zone}`, 'DS', /^; negative response, fully validated/m],
]
for (const [what, name, type, want] of validated) {
  test(`delv validates ${what}`, async (context) => {
    if (!requireProgram(context, 'delv')) return
    assert.match(await delv(name, type), want)
  })
}

test('another key is not believed', async (context) => {
  if (!requireProgram(context, 'delv')) return
  const wrong = join(await temporaryDirectory(stack), 'wrong')
  await writeFile(wrong, `trust-anchors { "${zone}." static-ds 1 13 2 "${'00'.repeat(32)}"; };\n`)
  const text = await outputOf('delv', [...at(), '-a', wrong, `+root=${zone}`, `www.${zone}`, 'A'])
  assert.match(text, /broken trust chain|no valid DS|resolution failed/)
})

test('kdig sees signatures, a referral that is proved unsigned, and codes as RFC 9824 has them', async (context) => {
  if (!requireProgram(context, 'kdig')) return
  assert.match(await kdig(`www.${zone}`, 'A'), /status: NOERROR[\s\S]*RRSIG\s+A 13 3 300 /)
  const referral = await kdig(`www.child.${zone}`, 'A')
  assert.match(
    referral,
    /child\.signed\.example\.\s+300\s+IN\s+NSEC\s+\\000\.child\.signed\.example\. NS RRSIG NSEC/,
  )
  assert.match(referral, /child\.signed\.example\.\s+300\s+IN\s+NS\s+ns\.elsewhere\.example/)
  assert.match(
    await kdig(`none.${zone}`, 'A'),
    /status: NOERROR[\s\S]*NSEC\s+\\000\.none\.signed\.example\. RRSIG NSEC (NXNAME|TYPE128)/,
  )
  assert.match(await kdig('+nodnssec', `none.${zone}`, 'A'), /status: NXDOMAIN/)
  assert.doesNotMatch(await kdig('+nodnssec', `www.${zone}`, 'A'), /RRSIG/)
  assert.match(await kdig(`away.${zone}`, 'A'), /CNAME\s+www\.elsewhere\.example\.\n.*RRSIG\s+CNAME/)
})

test('a client that understands it gets NXDOMAIN beside the proof (RFC 9824 §5)', async () => {
  const opt = (flags: number) =>
    encodeRecord({ owner: '', type: dnsTypes.OPT, class: 1232, ttl: flags, rdata: Buffer.alloc(0) })
  const ask = async (flags: number) => {
    const questions = [{ name: `none.${zone}`, type: dnsTypes.A, class: dnsClasses.IN }]
    const query = encodeMessage({ id: 5, flags: 0, questions, additional: [opt(flags)] })
    const reply = await exchangeUdp(t.server, query, parseMessage, 5000)
    const has = (type: number) => reply.authority.some((record) => record.type === type)
    return [reply.rcode, has(dnsTypes.NSEC), reply.additional.at(-1)?.ttl]
  }
  const [dnssecOk, compactOk] = [0x8000, 0x4000]
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await ask(dnssecOk | compactOk), [3, true, dnssecOk | compactOk])
    assert.deepEqual(await ask(dnssecOk), [0, true, dnssecOk])
    assert.deepEqual(await ask(0), [3, false, 0])
  }
})

test('a change is signed anew, and without DNSSEC nothing is', async (context) => {
  if (!requireProgram(context, 'delv')) return
  const serial = await t.addRecords(id, [[`www.${zone}`, 'AAAA', '2001:db8::80']])
  while (((await t.store.find(zone, 6))?.zone.serial ?? 0) < serial) await new Promise(setImmediate)
  assert.match(await delv(`www.${zone}`, 'AAAA'), /^; fully validated[\s\S]*2001:db8::80/m)
  await transaction(t.platform.db, (tx) => disableDnssec(t.platform, tx, t.scope, id))
  await untilSigned(false)
  assert.match(await kdig(zone, 'DNSKEY'), /status: NOERROR[\s\S]*ANSWER: 0/)
})
