/** `mailwright wallet credit`: money that came by another way is put into a workspace's wallet, also while the server runs. */
import type { Command } from 'commander'
import { creditManually } from '../billing/wallet-controls.ts'
import { openPlatform } from '../open-platform.ts'
import type { Config } from '../platform/config.ts'
import { transaction } from '../platform/database.ts'
import { formatSigned, parseMoney } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'

/** As it is typed: `50.00`, `USD`. */
export type TypedCredit = { workspaceId: string; amount: string; currency: string; reason: string }

/** @param run opens what a command needs, and tells what is in its way. */
export function addWalletCommands(
  program: Command,
  run: (command: (config: Config) => Promise<void>) => Promise<void>,
): void {
  program
    .command('wallet')
    .description('wallets of workspaces')
    .command('credit')
    .description('put money that came by another way into a wallet')
    .argument('<workspace>', 'its id')
    .argument('<amount>', 'as in 50.00')
    .argument('<currency>', "the wallet's, as in USD")
    .requiredOption('--reason <text>', 'the workspace sees it')
    .action((workspaceId: string, amount: string, currency: string, { reason }: { reason: string }) =>
      run(async (config) => {
        await using opened = await openPlatform(config, { attach: true })
        const balance = await creditTyped(opened.platform, { workspaceId, amount, currency, reason })
        process.stdout.write(`The balance is ${balance}.\n`)
      }),
    )
}

/** @returns the balance after it. @throws Error, Refusal where it is no amount of the wallet's currency. */
export async function creditTyped(
  platform: Platform,
  { workspaceId, amount, currency, reason }: TypedCredit,
): Promise<string> {
  const money = parseMoney(amount, currency)
  if (money === null || money.amount === 0) throw new Error(`${amount} ${currency} is no amount of money.`)
  const wallet = await transaction(platform.db, (tx) =>
    creditManually(platform, tx, workspaceId, {
      kind: 'top_up',
      amount: money.amount,
      currency,
      description: reason,
    }),
  )
  return `${formatSigned({ amount: wallet.balance, currency: wallet.currency })} ${wallet.currency}`
}
