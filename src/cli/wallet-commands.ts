/** `mailwright wallet credit`: money that came by another way is put into a workspace's wallet, also while the server runs. */
import type { Command } from 'commander'
import type { Config } from '../platform/config.ts'

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
        const { openPlatform } = await import('../open-platform.ts')
        const { creditTyped } = await import('./wallets.ts')
        await using opened = await openPlatform(config, { attach: true })
        const balance = await creditTyped(opened.platform, { workspaceId, amount, currency, reason })
        process.stdout.write(`The balance is ${balance}.\n`)
      }),
    )
}
