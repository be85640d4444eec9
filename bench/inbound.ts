/**
 * Inbound with all checks: 5 kB messages, signed with DKIM by some domains that publish SPF and DMARC, over 20 sessions
 * to 100 mailboxes. A resolver on this machine answers; each 250 comes after the commit.
 */
import { generateKeyPairSync } from 'node:crypto'
import { dkimSign } from 'mailauth'
import { addressOf } from '../src/testing/child-server.ts'
import { type LoadMessage, loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { startTestDns, type Zone } from '../src/testing/test-dns.ts'
import { makeMailboxes, peakResidentBytes, processorTime, withServer } from './server.ts'
import type { Row } from './table.ts'

const sessions = 20
const mailboxes = 100
const domains = 20
const messageBytes = 5000
const prepared = 1000
const warmUp = 2000
const counted = 10_000

export async function inbound(): Promise<Row[]> {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const privateKey = String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const publicKey = key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  await using dns = await startTestDns(zoneOf(`v=DKIM1; k=rsa; p=${publicKey}`))
  const messages = await Promise.all(Array.from({ length: prepared }, (_, n) => signedMessage(n, privateKey)))
  return await withServer(
    async (server) => {
      const addresses = await makeMailboxes(server, 'user', mailboxes)
      const { host, port } = addressOf(server.endpoints.smtp)
      let sent = 0
      const send = async (total: number): Promise<number> => {
        const end = sent + total
        const startedAt = performance.now()
        const { accepted, refusals } = await sendLoad({
          host,
          port,
          sessions,
          next: () => (sent < end ? messageFor(sent++, messages, addresses) : null),
        })
        if (refusals.length > 0 || accepted !== total) throw new Error(`not all accepted: ${refusals[0]}`)
        return (total / (performance.now() - startedAt)) * 1000
      }
      await send(warmUp)
      const before = await processorTime(server.pid)
      let perSecond = 0
      const peak = await peakResidentBytes(server.pid, async () => {
        perSecond = await send(counted)
      })
      const after = await processorTime(server.pid)
      return [
        {
          what: `${counted} messages of 5 kB, SPF, DKIM, DMARC and ARC checked, durable`,
          value: perSecond,
          unit: '/s',
          goal: { atLeast: 800 },
        },
        {
          what: 'processor time for a message, Node',
          value: ((after.node - before.node) / counted) * 1e6,
          unit: 'us',
        },
        {
          what: 'processor time for a message, PostgreSQL',
          value: ((after.postgres - before.postgres) / counted) * 1e6,
          unit: 'us',
        },
        {
          what: 'resident memory of the Node process, peak',
          value: peak / 1e6,
          unit: 'MB',
          goal: { atMost: 350 },
        },
        { what: 'questions to the resolver', value: dns.questions.length, unit: '' },
      ]
    },
    { MAILWRIGHT_RESOLVER: dns.resolver },
  )
}

function zoneOf(keyRecord: string): Zone {
  return Object.fromEntries(
    Array.from({ length: domains }, (_, n) => nameOf(n)).flatMap((name) => [
      [name, { TXT: ['v=spf1 ip4:127.0.0.1 ip6:::1 -all'] }],
      [`_dmarc.${name}`, { TXT: ['v=DMARC1; p=reject'] }],
      [`bench._domainkey.${name}`, { TXT: [keyRecord] }],
    ]),
  )
}

function nameOf(n: number): string {
  return `sender${n % domains}.example`
}

type Signed = { mailFrom: string; data: string }

async function signedMessage(n: number, privateKey: string): Promise<Signed> {
  const name = nameOf(n)
  const raw = loadMessage(`signed${n}`, 'you@bench.test', messageBytes).data.replaceAll('sender.test', name)
  const signer = { signingDomain: name, selector: 'bench', privateKey }
  const { signatures } = await dkimSign(`${raw}\r\n`, {
    ...signer,
    canonicalization: 'relaxed/relaxed',
    signatureData: [signer],
  })
  if (signatures === '') throw new Error('the message was not signed')
  return { mailFrom: `load@${name}`, data: signatures + raw }
}

/** In each round a message goes to another mailbox, so that none gets one twice. */
function messageFor(n: number, messages: readonly Signed[], addresses: readonly string[]): LoadMessage {
  const round = Math.floor(n / messages.length)
  const message = messages[n % messages.length] ?? { mailFrom: '', data: '' }
  return { ...message, recipient: addresses[(n + round) % addresses.length] ?? '' }
}
