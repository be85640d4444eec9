/**
 * Pictures that lie elsewhere and are named by a URL: fetched from the internet alone, within bounds, and then made anew
 * like those that are sent (picture-image.ts).
 */
import type { Scope } from '../accounts/principals.ts'
import { nameActor } from '../platform/actors.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { addJobs } from '../platform/jobs.ts'
import { fetchFile, OutsideError, tenantAddressRule } from '../platform/outside-http.ts'
import type { Platform } from '../platform/platform.ts'
import { makePicture, pictureBounds } from './picture-image.ts'
import { requirePictureRight, setPicture } from './pictures.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.fetch_picture': FetchPicture
  }
}

type FetchPicture = { scope: Scope; mailbox_id: string; url: string; attempt: number }

export const pictureUrlLengthMax = 2048

const bounds = {
  requestMsMax: 10_000,
  replyBytesMax: pictureBounds.bytesMax,
  retryAfterMsMax: 0,
  redirectsMax: 3,
} as const

const attemptsMax = 4

/**
 * Sets the picture that lies at the URL, in a transaction of its own.
 * @throws Refusal picture_invalid where there is none that can be had, with what is wrong; pictures_busy,
 *   mailbox_not_found, service_cannot, forbidden.
 */
export async function setPictureFromUrl(
  platform: Platform,
  scope: Scope,
  mailboxId: string,
  url: string,
): Promise<void> {
  await requirePictureRight(platform, scope, mailboxId)
  const jpeg = await makePicture(await fetchPicture(platform, url))
  await transaction(platform.db, async (tx) => {
    nameActor(tx, scope.actor)
    await setPicture(platform, tx, scope, mailboxId, jpeg)
  })
}

/**
 * The same for mailboxes that are just being made, when the transaction has committed: whoever buys many does not wait
 * for it. What cannot be had even after some tries leaves a mailbox without a picture.
 * @throws Refusal picture_invalid for what is no URL.
 */
export async function addPicturesFromUrls(
  tx: Tx,
  scope: Scope,
  pictures: readonly { mailboxId: string; url: string }[],
): Promise<void> {
  for (const { url } of pictures) requireUrl(url)
  await addJobs(
    tx,
    pictures.map(({ mailboxId, url }) => jobOf({ scope, mailbox_id: mailboxId, url, attempt: 1 })),
  )
}

/** So many at once over all nodes, and of one workspace one: half of what one node works on, as others' servers may be slow. */
const lanes = 2

function jobOf(payload: FetchPicture, runAt?: Date) {
  const name = 'mailbox.fetch_picture' as const
  const lane = Number.parseInt(payload.scope.workspaceId.slice(-1), 16) % lanes // the end of an id is random
  return { name, payload, queue: `${name}:${lane}`, ...(runAt === undefined ? {} : { runAt }) }
}

export async function fetchPictureOf(platform: Platform, payload: FetchPicture): Promise<void> {
  const { scope, mailbox_id: mailboxId, url, attempt } = payload
  try {
    await setPictureFromUrl(platform, scope, mailboxId, url)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (mayComeLater(error) && attempt < attemptsMax) {
      const runAt = new Date(Date.now() + 60_000 * 5 ** (attempt - 1))
      await transaction(platform.db, (tx) =>
        addJobs(tx, [jobOf({ ...payload, attempt: attempt + 1 }, runAt)]),
      )
      return
    }
    const { code, detail } = error
    platform.log.warn({ event: 'mailbox.picture_not_fetched', mailbox_id: mailboxId, code, detail })
  }
}

/** Whether it is for another time: nothing that another try would find just as it is. */
function mayComeLater({ code, cause }: Refusal): boolean {
  if (code === 'pictures_busy') return true
  if (cause instanceof Unanswered) return true
  return cause instanceof OutsideError && ['late', 'no_answer'].includes(cause.problem.reason)
}

class Unanswered extends Error {}

async function fetchPicture(platform: Platform, url: string): Promise<Buffer> {
  requireUrl(url)
  try {
    const { status, bytes } = await fetchFile(url, tenantAddressRule(platform.config, []), bounds)
    if (status === 200) return bytes
    const cause = status >= 500 || status === 429 ? new Unanswered() : undefined
    throw new Refusal('picture_invalid', `Its URL answers with the status ${status}.`, { cause })
  } catch (error) {
    if (error instanceof OutsideError)
      throw new Refusal('picture_invalid', sentenceOf(error), { cause: error })
    throw error
  }
}

/** @throws Refusal picture_invalid. */
function requireUrl(text: string): void {
  const url = text.length > pictureUrlLengthMax ? null : URL.parse(text)
  const isWeb = url !== null && /^https?:$/.test(url.protocol)
  if (!isWeb) throw new Refusal('picture_invalid', 'Its URL is none of http or https.')
  if (url.username !== '' || url.password !== '')
    throw new Refusal('picture_invalid', 'Its URL must have no user and password in it.')
}

function sentenceOf({ problem }: OutsideError): string {
  switch (problem.reason) {
    case 'late':
      return `Its URL does not answer within ${problem.requestMsMax / 1000} seconds.`
    case 'no_answer':
      return 'Its URL does not answer.'
    case 'redirect':
      return 'Its URL leads to another, and on and on.'
    case 'too_large':
      return `It has more than ${problem.replyBytesMax / 1024 ** 2} MiB.`
    case 'forbidden_address':
      return 'Its URL is in a network that is not connected to.'
    case 'bad_url':
      return 'Its URL, or where that leads, is none of the web.'
  }
}
