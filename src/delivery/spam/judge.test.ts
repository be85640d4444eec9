/** The score of an arrival: its client in DNS, DNS lists, whose policy asks for a score at all. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { startTestDns, type TestDns, type Zone } from '../../testing/test-dns.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { arrivalOf, authenticationOf, honestMessage, recipientOf } from '../../testing/test-spam.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { putDeliverySettings } from '../policies.ts'
import type { LocalRecipient } from '../recipients.ts'
import { isPublicAddress, networkOf } from './client-address.ts'
import { listedScore } from './dns-list-scores.ts'
import { scoreArrival } from './judge.ts'

let dns: TestDns
let t: TestPlatform
let recipient: LocalRecipient
before(async () => {
  dns = await startTestDns()
  t = await startTestPlatform({
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_DNS_LISTS: 'list.example,other.example,zen.spamhaus.org',
    MAILWRIGHT_LOG_LEVEL: 'silent',
  })
  recipient = await recipientOf(t.platform, await t.createMailbox())
})
after(async () => {
  await t[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})
beforeEach(() => {
  t.platform.dns.clear()
  dns.questions.length = 0
})

/** As `NAME score`, without what the author's DMARC pass gives. */
async function symbolsOf(more: Partial<Arrival>, raw = honestMessage()): Promise<string[]> {
  const { symbols } = await scoreArrival(
    t.platform,
    arrivalOf(raw, { local: [recipient], ...more }),
    authenticationOf(),
  )
  return symbols.filter(({ name }) => name !== 'DMARC_PASS').map(({ name, score }) => `${name} ${score}`)
}

const named: Zone = {
  '5.113.0.203.in-addr.arpa': { PTR: ['mail.author.example'] },
  'mail.author.example': { A: ['203.0.113.5'], AAAA: ['2001:db8::5'] },
}
const v6 = '5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'

const clients: [what: string, zone: Zone, more: Partial<Arrival>, symbols: string[]][] = [
  ['a name that leads back', named, {}, []],
  ['no name', {}, {}, ['NO_PTR 2']],
  [
    'a name that leads elsewhere',
    { ...named, 'mail.author.example': { A: ['203.0.113.6'] } },
    {},
    ['PTR_MISMATCH 1'],
  ],
  ['a name that leads nowhere', { ...named, 'mail.author.example': {} }, {}, ['PTR_MISMATCH 1']],
  ['an IPv4-mapped address', named, { remoteAddress: '::ffff:203.0.113.5' }, []],
  [
    'IPv6, named',
    { ...named, [`${v6}.ip6.arpa`]: { PTR: ['mail.author.example'] } },
    { remoteAddress: '2001:db8::5' },
    [],
  ],
  ['a server that fails', { '5.113.0.203.in-addr.arpa': { fails: 'SERVFAIL' } }, {}, []],
  ['a server that is silent', { '5.113.0.203.in-addr.arpa': { silent: true } }, {}, []],
  ['a HELO without a dot', named, { helo: 'desktop' }, ['HELO_NO_DOT 2']],
  [
    'on one list',
    { ...named, '5.113.0.203.list.example': { A: ['127.0.0.2'] } },
    {},
    [`DNS_LIST ${listedScore}`],
  ],
  [
    'on an IPv6 list',
    {
      [`${v6}.ip6.arpa`]: { PTR: ['mail.author.example'] },
      ...named,
      [`${v6}.list.example`]: { A: ['127.0.0.2'] },
    },
    { remoteAddress: '2001:db8::5' },
    [`DNS_LIST ${listedScore}`],
  ],
  [
    'on three lists, which count 9 together',
    {
      ...named,
      '5.113.0.203.list.example': { A: ['127.0.0.2'] },
      '5.113.0.203.other.example': { A: ['127.0.0.9'] },
      '5.113.0.203.zen.spamhaus.org': { A: ['127.0.0.4'] },
    },
    {},
    ['DNS_LIST 3.5', 'DNS_LIST 3.5', 'DNS_LIST 2'],
  ],
  [
    'the worst of what one list says',
    { ...named, '5.113.0.203.zen.spamhaus.org': { A: ['127.0.0.10', '127.0.0.9'] } },
    {},
    ['DNS_LIST 7'],
  ],
  [
    'a list that does not serve us',
    { ...named, '5.113.0.203.list.example': { A: ['127.255.255.254'] } },
    {},
    [],
  ],
  ['a list that lists all', { ...named, '5.113.0.203.list.example': { A: ['192.0.2.1'] } }, {}, []],
  ['an answer that means nothing', { ...named, '5.113.0.203.list.example': { A: ['127.0.0.1'] } }, {}, []],
]
for (const [what, zone, more, symbols] of clients) {
  test(`${what}: ${symbols.join(', ') || 'nothing'}`, async () => {
    dns.zone = zone
    assert.deepEqual(await symbolsOf(more), symbols)
  })
}

for (const remoteAddress of [
  '127.0.0.1',
  '::1',
  '10.1.2.3',
  '192.168.1.1',
  'fd00::1',
  '::ffff:172.16.0.9',
  '',
]) {
  test(`nobody is asked about ${remoteAddress || 'no address'}, whatever it calls itself`, async () => {
    assert.deepEqual(await symbolsOf({ remoteAddress, helo: 'localhost' }), [])
    assert.deepEqual(dns.questions, [])
  })
}

test('a mail server that hands on by LMTP is not judged', async () => {
  assert.deepEqual(await symbolsOf({ role: 'lmtp', helo: 'desktop' }), [])
  assert.deepEqual(dns.questions, [])
})

test('the score is the sum of its symbols, and details say what was seen', async () => {
  dns.zone = named
  const raw = honestMessage({ 'Message-ID': null, Subject: 'WIN A PRIZE TODAY' }, 'https://bit.ly/x')
  const verdict = await scoreArrival(t.platform, arrivalOf(raw, { local: [recipient] }), authenticationOf())
  assert.deepEqual(verdict, {
    score: 3,
    symbols: [
      { name: 'DMARC_PASS', score: -0.5, detail: 'author.example' },
      { name: 'NO_MESSAGE_ID', score: 1.5 },
      { name: 'SUBJECT_CAPITALS', score: 1 },
      { name: 'URL_SHORTENER', score: 1, detail: 'bit.ly' },
    ],
  })
})

test('a message that cannot be read adds nothing and throws nothing', async () => {
  dns.zone = named
  const arrival = arrivalOf(honestMessage(), { local: [recipient] })
  const broken = {
    ...arrival.message,
    read: async function* () {
      yield Buffer.from('From: ')
      throw new Error('the spool is gone')
    },
  }
  const { symbols } = await scoreArrival(t.platform, { ...arrival, message: broken }, authenticationOf())
  assert.deepEqual(
    symbols.map(({ name }) => name),
    ['DMARC_PASS'],
  )
})

test('where no recipient wants the filter, nothing is looked at', async () => {
  const mailbox = await t.createMailbox()
  await transaction(t.platform.db, (tx) =>
    putDeliverySettings(
      t.platform,
      tx,
      { ...mailbox.owner, scope: 'mailbox', scopeId: mailbox.mailboxId },
      { spam_filter: 'off' },
    ),
  )
  const off = await recipientOf(t.platform, mailbox)
  const arrival = (local: LocalRecipient[]) => arrivalOf(honestMessage({ 'Message-ID': null }), { local })
  assert.deepEqual(await scoreArrival(t.platform, arrival([off]), authenticationOf()), {
    score: 0,
    symbols: [],
  })
  assert.deepEqual(dns.questions, [])
  const both = await scoreArrival(t.platform, arrival([off, recipient]), authenticationOf())
  assert.notDeepEqual(both.symbols, [])
})

const addresses: [address: string, isPublic: boolean, network: string][] = [
  ['203.0.113.5', true, '203.0.113'],
  ['::ffff:203.0.113.5', true, '203.0.113'],
  ['100.64.0.1', false, '100.64.0'],
  ['169.254.1.1', false, '169.254.1'],
  ['2001:db8:1:2:3::4', true, '2.0.0.1.0.d.b.8.0.0.0.1.0.0.0.2'],
  ['fe80::1%eth0', false, 'f.e.8.0.0.0.0.0.0.0.0.0.0.0.0.0'],
  ['unknown', false, 'unknown'],
]
for (const [address, isPublic, network] of addresses) {
  test(`${address} is ${isPublic ? '' : 'not '}public, in ${network}`, () => {
    assert.equal(isPublicAddress(address), isPublic)
    assert.equal(networkOf(address), network)
  })
}
