/** What Graph cannot do, in the words for somebody who can: in the admin centre, or in Exchange Online PowerShell. */

export function operatorSteps(domain: string): readonly string[] {
  return [
    `Add ${domain} to the tenant (Microsoft 365 admin centre, Settings > Domains) and publish the MX, SPF and autodiscover records that are shown there.`,
    `Turn on DKIM for ${domain}: New-DkimSigningConfig -DomainName ${domain} -Enabled $false, publish the two CNAME records that Get-DkimSigningConfig -Identity ${domain} shows, then Set-DkimSigningConfig -Identity ${domain} -Enabled $true.`,
    `Let programs send by SMTP where they must: Set-CASMailbox -Identity ADDRESS -SmtpClientAuthenticationDisabled $false for each mailbox of ${domain}, and neither security defaults nor a Conditional Access policy that blocks it.`,
    `Add aliases in ${domain} by hand: Set-Mailbox -Identity ADDRESS -EmailAddresses @{Add='smtp:ALIAS'}.`,
    `Take away the old address of a renamed mailbox by hand, if it shall not get its mail any more: Set-Mailbox -Identity ADDRESS -EmailAddresses @{Remove='smtp:OLD'}.`,
  ]
}

export function aliasStep(id: string, action: 'Add' | 'Remove', alias: string): string {
  // PowerShell doubles an apostrophe within apostrophes.
  const address = `smtp:${alias}`.replaceAll("'", "''")
  return `Microsoft Graph cannot change aliases. In Exchange Online PowerShell: Set-Mailbox -Identity ${id} -EmailAddresses @{${action}='${address}'}`
}
