/** What this API calls the sequencers that mailboxes are brought to. */
import { Refusal } from '../../platform/errors.ts'
import { type PlatformName, platformNames, sequencerPlatforms } from '../../sequencers/platforms.ts'

/** Those whose name here is not ours in capitals. */
const otherNames: Readonly<Partial<Record<PlatformName, string>>> = { reply: 'REPLY_IO', plusvibe: 'PIPL' }

export function appOf(platform: PlatformName): string {
  return otherNames[platform] ?? platform.toUpperCase()
}

/** Those with an account, whose API is called. */
const withAccounts = platformNames.filter((name) => sequencerPlatforms[name].method === 'api')
/** All, also those that take a file only. */
const names = platformNames.map(appOf)

/** @throws Refusal invalid_request that lists those that there are. */
export function platformOf(app: string): PlatformName {
  const wanted = app.trim().toUpperCase()
  const found = platformNames.find((name) => appOf(name) === wanted || name.toUpperCase() === wanted)
  if (found) return found
  throw new Refusal('invalid_request', `Invalid app parameter. Supported apps: ${names.join(', ')}`)
}

/** The same of one whose API is called. @throws Refusal invalid_request. */
export function platformWithAccounts(app: string): PlatformName {
  const found = platformOf(app)
  if (withAccounts.includes(found)) return found
  const { title } = sequencerPlatforms[found]
  const list = withAccounts.map(appOf).join(', ')
  throw new Refusal(
    'invalid_request',
    `${title} takes mailboxes as a file only. Apps that have accounts: ${list}`,
  )
}
