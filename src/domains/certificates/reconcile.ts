/** Certificates are reconciled: every host name in use gets one, and each is renewed in time (RFC 8555). */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Client } from 'acme-client'
import { type Selectable, sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { privateKeyContext } from '../reseal.ts'
import {
  askAuthority,
  type ChallengeType,
  type IssuedCertificate,
  openAcmeClient,
  orderCertificate,
} from './acme.ts'
import { removeExpiredChallenges } from './challenges.ts'
import { isServedHere, removeExpiredDnsChallenges } from './dns-challenges.ts'
import { enterHostNames, leadsHere, ownHostName } from './host-names.ts'
import { certificatePolicy } from './policy.ts'
import { certificateSubject } from './subject.ts'
import type { CertificatesTable } from './tables.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'certificates.reconcile': Record<string, never>
  }
}

type Certificate = Selectable<CertificatesTable>

// Any number that is the same in every node: one of them orders at a time.
const orderingLock = 7_302_031

/** One run. Does nothing without an authority, or while another node is at it. */
export async function reconcileCertificates(platform: Platform): Promise<void> {
  const { acmeDirectoryUrl } = platform.config
  if (acmeDirectoryUrl === null) return
  await alone(platform, async () => {
    await removeExpiredChallenges(platform)
    await removeExpiredDnsChallenges(platform)
    await removeUnused(platform)
    await enterHostNames(platform)
    await orderDue(platform, acmeDirectoryUrl)
  })
}

/** The lock belongs to a connection, so that it ends with a node that ends. */
async function alone({ pool }: Platform, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'select pg_try_advisory_lock($1::bigint) as mine',
      [orderingLock],
    )
    if (rows[0]?.mine !== true) return
    try {
      await work()
    } finally {
      await client.query('select pg_advisory_unlock($1::bigint)', [orderingLock])
    }
  } finally {
    client.release()
  }
}

async function orderDue(platform: Platform, directoryUrl: string): Promise<void> {
  const due = await platform.db
    .selectFrom('certificates')
    .selectAll()
    .where('next_attempt_at', '<=', platform.clock.now())
    .where((where) =>
      where.or([
        where('domain_id', 'is not', null),
        where('host_name', '=', ownHostName(platform.config) ?? ''),
      ]),
    )
    .where(isWanted)
    .orderBy('next_attempt_at')
    .limit(certificatePolicy.ordersPerRunMax)
    .execute()
  const until = performance.now() + certificatePolicy.runMsMax
  let client: Client | null = null
  for (const certificate of due) {
    if (performance.now() > until) return
    try {
      const challenge = await challengeFor(platform, certificate)
      const asked: Client = client ?? (await askAuthority(() => openAcmeClient(platform, directoryUrl)))
      client = asked
      const name = { hostName: certificate.host_name, domainId: certificate.domain_id }
      const issued = await askAuthority(() => orderCertificate(platform, asked, name, challenge))
      await keep(platform, certificate, issued)
    } catch (error) {
      await noteFailure(platform, certificate, error)
    }
  }
}

/** A domain that sends no browsers on any more needs no certificate for itself and its `www`. */
const isWanted = sql<boolean>`not exists (select from domains where domains.id = certificates.domain_id
  and redirect_url is null and host_name in (domains.name, 'www.' || domains.name))`

/**
 * How the authority is shown that a name is ours: over HTTP where we listen for it, else by the zone where we answer for
 * it, else over HTTP through whatever stands before the HTTP listener.
 */
async function challengeFor(platform: Platform, certificate: Certificate): Promise<ChallengeType> {
  const name = { hostName: certificate.host_name, domainId: certificate.domain_id }
  const isHere = await leadsHere(platform, name.hostName)
  if (isHere && platform.config.httpChallengePort !== null) return 'http-01'
  if (await isServedHere(platform, name)) return 'dns-01'
  if (isHere) return 'http-01'
  throw new Error('the name does not lead to this platform')
}

async function keep(
  platform: Platform,
  certificate: Certificate,
  { keyPem, chainPem }: IssuedCertificate,
): Promise<void> {
  const own = new X509Certificate(chainPem)
  if (own.checkHost(certificate.host_name) === undefined || !own.checkPrivateKey(createPrivateKey(keyPem))) {
    throw new Error('the authority signed another name or key than it was asked for')
  }
  const { id, host_name: hostName } = certificate
  const now = platform.clock.now()
  const lifeMs = own.validToDate.getTime() - own.validFromDate.getTime()
  const renewAtMs = own.validFromDate.getTime() + lifeMs * certificatePolicy.renewAfterShare
  await transaction(platform.db, async (tx) => {
    await tx
      .updateTable('certificates')
      .set({
        state: 'issued',
        chain_pem: chainPem,
        sealed_private_key: platform.vault.seal(keyPem, privateKeyContext('certificates', id)),
        key_id: platform.vault.keyId,
        not_after: own.validToDate,
        attempts: 0,
        last_error: null,
        next_attempt_at: new Date(Math.max(renewAtMs, now.getTime() + certificatePolicy.renewalPauseMs)),
        updated_at: now,
      })
      .where('id', '=', id)
      .execute()
    await appendEvents(platform, tx, [
      {
        type: 'certificate.issued',
        ...(await certificateSubject(tx, certificate.domain_id)),
        data: { certificate_id: id, host_name: hostName, not_after: own.validToDate.toISOString() },
      },
    ])
  })
  platform.log.info({ event: 'certificate.issued', host_name: hostName })
}

const errorLengthMax = 500

async function noteFailure(platform: Platform, certificate: Certificate, error: unknown): Promise<void> {
  const { id, host_name: hostName, attempts } = certificate
  const problem = (error instanceof Error ? error.message : String(error)).slice(0, errorLengthMax)
  const { retryMs } = certificatePolicy
  const waitMs = retryMs[Math.min(attempts, retryMs.length - 1)] ?? certificatePolicy.renewalPauseMs
  const now = platform.clock.now()
  const nextAttemptAt = new Date(now.getTime() + waitMs)
  await transaction(platform.db, async (tx) => {
    await tx
      .updateTable('certificates')
      .set({
        state: certificate.chain_pem === null ? 'failed' : certificate.state,
        attempts: attempts + 1,
        last_error: problem,
        next_attempt_at: nextAttemptAt,
        updated_at: now,
      })
      .where('id', '=', id)
      .execute()
    await appendEvents(platform, tx, [
      {
        type: 'certificate.failed',
        ...(await certificateSubject(tx, certificate.domain_id)),
        data: {
          certificate_id: id,
          host_name: hostName,
          problem,
          next_attempt_at: nextAttemptAt.toISOString(),
        },
      },
    ])
  })
  // Only its words: the library's errors hold whole requests.
  platform.log.warn({ event: 'certificate.failed', host_name: hostName, problem, until: nextAttemptAt })
}

/** Certificates of domains that are no more, and those for a name that the platform had before. */
async function removeUnused(platform: Platform): Promise<void> {
  const now = platform.clock.now()
  const unusedSince = new Date(now.getTime() - certificatePolicy.forgottenAfterMs)
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<Certificate>`
      delete from certificates using domains
      where domains.id = certificates.domain_id and domains.state = 'deleted'
      returning certificates.*`.execute(tx)
    // Not at once: other nodes may have other names, and order theirs in their turn.
    const { rows: former } = await sql<Certificate>`
      delete from certificates where domain_id is null and host_name <> ${platform.config.hostname.toLowerCase()}
        and next_attempt_at < ${unusedSince} and (not_after is null or not_after < ${now})
      returning *`.execute(tx)
    for (const certificate of [...rows, ...former]) {
      await appendEvents(platform, tx, [
        {
          type: 'certificate.removed',
          ...(await certificateSubject(tx, certificate.domain_id)),
          data: { certificate_id: certificate.id, host_name: certificate.host_name },
        },
      ])
    }
  })
}
