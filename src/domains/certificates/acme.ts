/** The ACME authority (RFC 8555), through acme-client: the account, and one order for one host name. */
import { readFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import type { Client } from 'acme-client'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { privateKeyContext } from '../reseal.ts'
import { putChallenge, removeChallenge } from './challenges.ts'
import { type ChallengedName, publishDnsChallenge, withdrawDnsChallenge } from './dns-challenges.ts'
import { certificatePolicy } from './policy.ts'

export type IssuedCertificate = { keyPem: string; chainPem: string }

/** How often and how long an order is asked after. */
const polling = { backoffAttempts: 12, backoffMin: 500, backoffMax: 5_000 }

/** It is 300 modules that a server without ACME never needs, and no other needs to start. */
const library = (): Promise<typeof import('acme-client')> => import('acme-client')

/** Runs requests to the authority. @throws in words where the library, without an answer to look at, has none. */
export async function askAuthority<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TypeError) throw new Error('the authority does not answer', { cause: error })
    throw error
  }
}

/** @param directoryUrl of the configured authority. @returns a client with our account there, made when there is none. */
export async function openAcmeClient(platform: Platform, directoryUrl: string): Promise<Client> {
  const { config, db, vault, clock } = platform
  const { axios, Client, crypto } = await library()
  // The library has one HTTP client for the process. Its own tries would hold the run up; ours come later.
  Object.assign(axios.defaults, {
    timeout: certificatePolicy.requestMsMax,
    httpsAgent: new Agent(config.acmeCaFile === null ? {} : { ca: await readFile(config.acmeCaFile) }),
    acmeSettings: { retryMaxAttempts: 0, retryDefaultDelay: 1 },
  })
  const known = await db
    .selectFrom('acme_accounts')
    .selectAll()
    .where('directory_url', '=', directoryUrl)
    .executeTakeFirst()
  if (known) {
    const accountKey = vault.open(known.sealed_private_key, privateKeyContext('acme_accounts', known.id))
    return new Client({ directoryUrl, accountKey, accountUrl: known.account_url, ...polling })
  }
  const accountKey = await crypto.createPrivateEcdsaKey('P-256')
  const client = new Client({ directoryUrl, accountKey, ...polling })
  await client.createAccount({
    termsOfServiceAgreed: true,
    ...(config.acmeEmail === null ? {} : { contact: [`mailto:${config.acmeEmail}`] }),
  })
  const id = newId()
  await db
    .insertInto('acme_accounts')
    .values({
      id,
      directory_url: directoryUrl,
      account_url: client.getAccountUrl(),
      sealed_private_key: vault.seal(accountKey, privateKeyContext('acme_accounts', id)),
      key_id: vault.keyId,
      created_at: clock.now(),
    })
    .execute()
  return client
}

export type ChallengeType = 'http-01' | 'dns-01'

/**
 * Orders a certificate and waits for it, at most some minutes.
 * @throws when the authority refuses, cannot reach us, or does not answer.
 */
export async function orderCertificate(
  platform: Platform,
  client: Client,
  name: ChallengedName,
  type: ChallengeType,
): Promise<IssuedCertificate> {
  const order = await client.createOrder({ identifiers: [{ type: 'dns', value: name.hostName }] })
  for (const authorization of await client.getAuthorizations(order)) {
    if (authorization.status === 'valid') continue // from an order before
    const challenge = authorization.challenges.find((one) => one.type === type)
    if (!challenge) throw new Error(`the authority offers no ${type} challenge`)
    const { token } = challenge
    const answer = await client.getChallengeKeyAuthorization(challenge) // of dns-01 its digest (§8.4)
    try {
      if (type === 'dns-01') await publishDnsChallenge(platform, name, answer)
      else await putChallenge(platform, token, answer)
      await client.completeChallenge(challenge)
      await client.waitForValidStatus(challenge)
    } finally {
      if (type === 'dns-01') await withdrawDnsChallenge(platform, name, answer)
      else await removeChallenge(platform, token)
    }
  }
  const { crypto } = await library()
  const key = await crypto.createPrivateEcdsaKey('P-256')
  const [, request] = await crypto.createCsr({ altNames: [name.hostName] }, key)
  const finalized = await client.finalizeOrder(order, request)
  return { keyPem: key.toString(), chainPem: await client.getCertificate(finalized) }
}
