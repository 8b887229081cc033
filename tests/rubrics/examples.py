"""Criteria as people write them, good and bad: the specification of the linter's wording rules."""

# What the paper's instructions (A.3) praise, and what real criteria of good rubrics look like.
GOOD = """
Deliverable contains analysis of all 12 months of data with one row for each month
Final report includes 5 strategic recommendations with an estimated cost for each
Must contain between 90-120 words
Covers January to March 2026
Sheet `Summary` has one row for each month from 1 January to 31 December 2025
States that the return is due by 15 April 2026
States the application deadline of 31 March 2026
Lists only the invoices that were submitted by 30 June 2025
Timeline names the milestone `Permit submitted` by 12 May 2026
Includes a column named Due date
Column Delivered by holds a date in every row
Chart shows the share of orders delivered on time for each of the 4 regions
Shows the average turnaround time of 3 days for standard orders
Every invoice that was paid before the due date has the discount of 2 %
Gantt sheet contains the 14 tasks with their start and end dates
Letter states that payment was received within 30 days
Lists 8 years of experience at Marlow & Sons under `Experience`
Names the three native speakers who recorded the samples
Section `Professional experience` names all four employers
Resume lists the certified courses of section 3
States that the drawings have to be stamped by a licensed engineer
Recommends that a roofer should look at the flashing
Explains what tenants should do if the heating fails
Contains the sentence "We try to answer within two days"
The agenda lists the session of 14 May with its room
May invoices add up to 4,210.00
Total in cell B12 equals 18,420.50
Translation keeps the product names Good Earth and Great Oak in English
Sheet `Ratings` uses the values Poor, Good and Excellent
Every source in the bibliography is cited at least once in the text
Cell D4 is a formula
Both PNG files are 1080 pixels wide
Names natural gas and heating oil as the two fuels
Column Source says `Both` for the 17 people who came to the webinar and to the show
Report is a PDF of at most 4 pages
Identifies clause 7.2 as the clause on early termination
Price of item 12 is 48.00 as in the supplier's list of 3 March
Says that the shop is open on Friday until 18:00
Deliverable is a single .docx file with 800 to 1,000 words
Blog post contains the keyword "glaucoma treatment" at least 5 times
Meta description has at most 155 characters
Translation into Italian keeps all 14 headings of the source
Headline of each ad has at most 30 characters
README explains in at most 10 lines how to run the script
Script prints the number of duplicates and exits with code 0
Function `parse_date` returns None for an empty string
All 12 unit tests in `tests/` pass
Drawing shows the wall thickness of 115 mm in section A-A
DXF file has the layers WALLS, DOORS and DIMENSIONS
The lead list has 50 rows with company, contact and e-mail
No e-mail address occurs twice
The schedule gives every interviewer a break of at least 30 minutes by 13:00
Every session ends before 17:30
The interview on Thursday starts at 10:00
Schedules no interview on Friday 13 March
Cash flow covers 13 weeks beginning on 6 April 2026
Sheet `Forecast` shows the receipt from Harlow Ltd in the week of 20 April
VAT payment of 8,412.00 stands in the week in which it is due
Rent is paid on the first of each month in the forecast
Loan repayment is due on 15 May in the forecast
States in the letter that the tenant must leave the flat by 30 June 2026
The notice period is calculated as 3 months to the end of a month
The payment terms are 30 days net
The invoice is payable within 14 days
Orders received before 14:00 are marked as shipped the same day
The report names the reports delivered by the auditor on 3 March
Documents the 4 files that were received on 12 January
Project plan contains the task `Final report delivered` on 30 September
Work package 3 is finished in month 9 of the plan
Deliverables table lists D1.1 as due in month 6
The plan puts the task Testing before the task Release
Timeline slide shows the 5 milestones with their dates
Email asks for a reply by Friday
E-mail 2 is sent 3 days after e-mail 1 according to the sequence table
The sequence consists of 5 e-mails over 14 days
Cover letter names the applicant's 6 years of experience in logistics
CV has the sections Experience, Education and Skills
The profile says that the candidate is a certified public accountant
The job advertisement asks for a native speaker of German
Names the translator of the quoted edition
Persona 2 is a freelancer who lives in Lisbon
Contract names the contractor as Brightwell Ltd, based in Leeds
Contains a quotation by the engineer of record
The speaker notes of slide 3 name the designer of the trail
Photo credits name the photographer below each picture
Model reaches an accuracy of at least 0.85 on the test set
Notebook runs from top to bottom without an error
Confusion matrix has 4 rows and 4 columns
The recommended price is 49.00 per month
Regression table reports robust standard errors
Uses the effective tax rate of 24 %
Names goodwill of 1.2 million as an intangible asset
Lists reasonable adjustments under their own heading
Flags the three suppliers whose certificates expire before 1 July
Sheet `Clean` has no duplicate rows
Every product has a price greater than 0
Column Price holds numbers only
Contrast ratio of body text is at least 4.5:1
Page has one h1 element
The site has a link to the booking page in its header
Logo is an SVG with a transparent background
Image is 1200 by 630 pixels
Both versions use the same hex colours
Transcript marks each change of speaker with the name and a time stamp
Transcript of minute 3 contains the words "sodium chloride"
Subtitles are in SRT format and begin at 00:00:01
The chair's question on page 2 is transcribed as a question
Style guide rule 4 (no Oxford comma) is followed in all 6 lists
Handbook uses "volunteer" in place of "helper" throughout
Spelling is British in all headings
Sentence on page 3 about opening hours agrees with the table on page 7
Sponsor deck has 10 slides, the last with contact details
Gold package is priced at 5,000 and silver at 2,500
The competitor table has 5 rows and the columns Price, Features and Rating
Names at least 3 risks with a mitigation for each
Answers all 8 questions of the survey
Beam deflection is at most L/360, with the calculation shown
Load calculation uses 1.5 kN/m2 as the live load
Materials list gives quantity, unit and price for every item
The total is the sum of the 9 items above it
Keeps the placeholders {name} and {date} unchanged in every string
Plural forms follow the rules of German for 0, 1 and many
Strings over 30 characters are abbreviated or reworded in the notes column
Refund policy says that goods may be returned within 30 days
FAQ answer on shipping says that orders arrive within 5 business days
Post for Monday has exactly one call to action
Content calendar has one post for every weekday of March 2026
Newsletter announces the sale that starts on Friday
Job post says that applications close on 31 May
Warranty begins on the date of delivery
The map shows the area that can be reached within 30 minutes
Report uses the exchange rate of 31 December 2025
Interest is calculated on time deposits only
Just-in-time inventory is named as one of the options
Flags accounts receivable over 90 days as doubtful
Marks tasks that are late in red
Shows the percentage of trains on time
Reply to review 3 apologises for the late delivery
Slide 4 compares early and late delivery
Completed tasks of 3 March are green
Received invoices dated on 3 March are listed by supplier
Delivered orders on 3 March have the status Done
Sheet `Leads` contains one row for each of the 70 people who may be contacted
"""
DEADLINES = """
Completed by end of the week
Work is completed by the end of the week
Delivered by Friday
Deliverable is submitted within 3 days
Final files are delivered within 48 hours
Report delivered on time
The job is finished before the deadline
Meets the deadline
Submitted no later than 15 March 2026
All work must be handed in by 2026-03-15
Freelancer responds within 24 hours
Translation is returned by Monday
Turnaround time of 24 hours
Done as soon as possible
Delivery within two business days
The final report was sent by tomorrow
Timely delivery of all files
Deliver the work by March 3
Submit within two days
Must be completed within 1 week
Job should be done on time
The freelancer must deliver before Monday
Deliverable was submitted on time
Files are delivered by 5 pm on Friday
Work delivered within the agreed deadline
Final draft is due by Tuesday
First draft within 24 hours
All edits are completed before the end of the month
Completed within budget and on time
Revisions are returned within 2 business days
Finished by EOD
"""
WORKERS = """
Completed by U.S based worker
Completed by a US-based worker
Translated by a native Spanish speaker
Freelancer has at least 5 years of experience in bookkeeping
Work is done by a certified accountant
Writer is located in the United Kingdom
Prepared by a licensed engineer
The translator is a native speaker
Designed by an expert
Worker has a degree in finance
Top Rated freelancer
Written by a human writer
5+ years of experience in SEO
Translator is a native Italian speaker
Worker must be based in the USA
Must be a native English speaker
Done by an experienced CPA
Contractor has experience with AutoCAD
Freelancer is fluent in French
Prepared by someone with 10 years of experience
Author is an expert in SEO
Engineer is licensed in California
Completed by US based freelancer
Proofread by a professional editor
"""
SUBJECTIVE = """
Work is of professional quality
Analysis is thorough
Report is high-quality
Document looks professional
The text is engaging
Formatting is adequate
Uses appropriate colours
Contains a comprehensive overview of the market
The layout is clean and visually appealing: a clean layout with a logo
Spreadsheet is easy to read
Logo has a modern design
Is well-written
The translation reads naturally
Deliverable is of good quality
Contains sufficient detail on each option
Headline is catchy
The site is user-friendly
Writing is engaging and professional
Design is visually attractive
Report is comprehensive and well structured
Analysis is good
Provides high quality leads
Uses suitable fonts
Tone is appropriate for the audience
The code is clean and efficient
The work meets professional standards
Colour scheme is pleasing
Report is insightful
Uses proper grammar
Presentation is excellent
The text is of high standard
Well written and easy to follow
"""
INDEFINITE = """
Report should include a summary
Tries to explain the drop in sales
Might contain a chart
Ideally includes a table of contents
Contains a summary if possible
Could mention the budget
May include a chart of sales
Attempts to reconcile the two accounts
"""
VAGUE = """
Contains several examples
Lists various competitors
Contains prices, sizes, etc.
Gives a number of reasons
"""
SLOW = """
All sources are verified
Every figure in the report is correct: all figures are correct
The text is error-free
Calculations are 100% accurate
"""
COMPOUND = """
Contains a summary and includes a chart of sales
Sheet `Tax` has a total and is the second tab; it also has a note on each line
The file opens in Excel. The first sheet is named Overview
States the total but has no date
"""
NOT_COMPOUND = """
Sheet has the columns Date, Amount and Category
Names clause 7.2 and clause 9 as the two clauses on notice
Lists the cities and states of the 12 branches
Contains the words No. 4 Street and St. James
"""
NOUNS = """
Good grammar
12 months of data
Summary page with an index
"""
NEGATED_PITFALLS = """
Does not contain placeholder text
No cell shows an error
Avoids a suspense account
The report must not name the client
Contains no invented addresses
Sheet `Leads` has no blank row
Free of placeholder text
"""
NAMED_PITFALLS = """
Contains placeholder text such as lorem ipsum
Sheet `Leads` holds an e-mail address that stands in neither of the two exports
A cell shows an error value
Posts a journal for the bank's own error of 118.00
A claim that is not in the source text
Names a competitor
"""
