/** `mailwright keys create`: a new API key for whoever runs the server, also when the first one is lost. */
import { createOperatorKey } from '../accounts/bootstrap.ts'
import { openPlatform } from '../open-platform.ts'
import type { Config } from '../platform/config.ts'

export async function apiKeyCreate(config: Config, name: string): Promise<void> {
  await using opened = await openPlatform(config, { attach: true })
  const token = await createOperatorKey(opened.platform, name)
  process.stdout.write(`${token}\n`)
}
