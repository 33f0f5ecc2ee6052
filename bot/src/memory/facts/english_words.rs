//! English words that decide whether something can be a name, a trade, a home or a taste. Data only.

/// Never (part of) a name after "my name is", "call me" or "I'm".
pub(super) const NOT_NAMES: &str = "
team a an the not no none nobody nothing never my your his her our their this that these those it its he she we they you me i i'm is are was be been being am what who whom whose where when why how whatever
whoever anything something everything someone anyone secret unknown yes yeah nope same so very too really kind sort pretty quite rather hard difficult easy long short weird strange funny boring common
rare unique unusual important on in at of to from by with for as about into over under out up down off back away around written spelled spelt pronounced taken like also still just only there here going
known old new different similar hidden private irrelevant confidential later tomorrow maybe if anytime anyway soon again tonight now crazy stupid dumb names sometime today asap please every once twice
always often more less most best worst both either neither all any each such than then because and or but changed changing mud collect immediately first last whenever home names' lucky nice nice-looking
";

/// Not a name after "I'm", though it may be written with a capital.
pub(super) const NOT_PROPER: &str = "
sorry tired hungry thirsty fine good great ok okay alright well better happy sad angry mad upset bored boring sick ill busy free back here home ready done lost confused serious kidding joking sure late early
single married divorced engaged pregnant vegan vegetarian gay straight bi bisexual lesbian trans nonbinary aries taurus gemini cancer leo virgo libra scorpio sagittarius capricorn aquarius pisces scared afraid
nervous anxious worried excited curious lonely alone sleepy awake drunk sober hot cold warm broke rich poor young old tall short fat thin blind deaf dead alive gone stuck stressed depressed exhausted glad
grateful thankful proud ashamed jealous embarrassed disappointed surprised shocked impressed interested annoyed frustrated hurt okay-ish starving freezing dying crying trying going coming leaving working
studying living looking thinking feeling doing having getting making waiting learning reading writing playing eating cooking driving walking talking hoping wondering planning starting almost already still
really very so too just only quite pretty not never always often usually sometimes also all about from in on at with without under over off out up down into like unlike yours mine his hers human male female
korean american english british irish scottish welsh french german italian spanish portuguese chinese japanese vietnamese thai indian indonesian filipino russian ukrainian polish dutch swedish norwegian
danish finnish greek turkish mexican brazilian canadian australian european asian african arab iranian egyptian israeli swiss austrian belgian hungarian czech romanian mongolian taiwanese singaporean christian
catholic protestant buddhist muslim jewish hindu atheist agnostic sikh introverted extroverted introvert extrovert left-handed right-handed gluten lactose allergic everyone nobody god jesus batman
";

/// Begins what a job is like, not what it is.
pub(super) const NOT_JOBS: &str = "
boring hard tough great good bad fun stressful tiring exhausting interesting demanding challenging killing difficult easy important safe awful terrible amazing awesome fine okay ok nice not no none nothing
so very too really pretty quite just my your his her the-best in at on over done what that this it secret complicated rewarding meaningless pointless repetitive making driving-me giving getting going
starting ending causing ruining wearing taking better worse different new old gone online remote freelance-ish nightmare joke mess pain burden dream blessing disaster lot bit problem secret long longer
fulfilling busy crazy intense chill slow quiet ending all everything mine yours nothing something anything where when why how to a-lot
";

/// Not yet, or no more, or not meant so.
pub(super) const NOT_REALLY: &str = "former ex future aspiring wannabe would-be failed potential so-called fake real bad terrible horrible good great better big huge bit wannabe total complete natural born secret";

/// Trades; the last word of what follows "I'm a".
pub(super) const TRADES: &str = "
accountant actor actress administrator agent analyst anchor animator announcer anthropologist archaeologist architect archivist artist assistant astronaut astronomer athlete attendant attorney auditor
author baker banker barber barista bartender biologist blacksmith bookkeeper bookseller botanist brewer broker builder butcher butler buyer captain caregiver caretaker carpenter cartoonist cashier chauffeur
chef chemist choreographer cleaner clerk coach cobbler coder comedian composer conductor consultant contractor cook copywriter counselor counsellor courier curator dancer dealer dentist designer detective
developer dietician dietitian diplomat director diver dj doctor doorman dressmaker driver economist editor educator electrician engineer entrepreneur epidemiologist farmer filmmaker firefighter fireman
fisherman fitter florist forester freelancer gardener geologist guard guide hairdresser hairstylist handyman historian homemaker housekeeper housewife illustrator inspector instructor intern interpreter
inventor investigator investor janitor jeweler jeweller journalist judge laborer labourer lawyer lecturer librarian lifeguard linguist locksmith machinist magician maid mailman manager marketer mason
masseuse mathematician mechanic mentor meteorologist midwife miner minister model mover musician nanny navigator neurologist novelist nun nurse nutritionist officer operator optician optometrist owner
painter paramedic pastor pediatrician pharmacist philosopher photographer physician physicist physiotherapist pianist pilot plumber poet policeman policewoman politician porter postman postdoc potter
practitioner priest principal producer professor programmer proofreader psychiatrist psychologist publisher realtor receptionist recruiter referee reporter representative researcher restorer sailor
salesman salesperson saleswoman scholar scientist screenwriter sculptor seamstress secretary seller server sheriff shopkeeper singer sociologist soldier solicitor songwriter specialist statistician
steward stewardess streamer student stylist supervisor surgeon surveyor tailor teacher technician technologist teller tester therapist trader trainee trainer translator trucker tutor undergrad undergraduate
veterinarian vet videographer violinist waiter waitress watchmaker weaver welder worker writer youtuber zookeeper
";

/// Begins where one feels, not where one lives.
pub(super) const NOT_HOMES: &str = "
tears home a an my your his her our their this that these those here there fear hope peace pain denial silence sin darkness poverty misery luxury harmony constant total complete doubt danger love comfort exile
interesting hard difficult different same another one some two what which where work school bed hospital class town shock trouble hell heaven paradise heart head mind past future present moment dream
reality house apartment dorm flat person it me you him us them nowhere everywhere somewhere it's back meetings debt style agony regret
";

/// Begins no further thing of a list, but the next thought.
pub(super) const NOT_GOING_ON: &str = "
super so very really yes yeah no nope don't doesn't can't never mostly mainly on at in literally always it's its that's thats not which too even especially sadly sorry thanks never-mind got been just only
";

/// Begins something that is liked without being a taste.
pub(super) const NOT_LIKED: &str = "
on i we up down tonight today still straight no none many several lots you u ya it that this these those him her them me us myself yourself himself herself themselves your my his our their how what when where why who which whatever if because everything nothing something anything
everyone everybody people someone anyone nobody being feeling both neither either all one it's that's there here so too and or but not life living waking having to-be hearing seeing meeting talking chatting
knowing thinking the-way the-idea the-fact the-sound-of-that anymore any another before after more until with without alone at now today right much very well as than then again us each him-
";

/// Follows "I like to" when nothing is liked.
pub(super) const NOT_DONE: &str = "think say know see ask hear be believe tell admit add point talk chat meet imagine have get go come try thank apologize apologise";

/// Animals that people keep.
pub(super) const ANIMALS: &str = "
cat kitten dog puppy parrot hamster rabbit bunny turtle tortoise fish goldfish bird budgie canary guinea-pig hedgehog lizard gecko snake ferret chinchilla horse pony poodle corgi retriever labrador
bulldog beagle chihuahua dachshund husky shiba maltese pomeranian cockatiel rat mouse frog axolotl chicken duck goat pig cow sheep iguana chameleon
";

/// Months, by their first letters.
pub(super) const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec";

/// Not what one studies.
pub(super) const NOT_STUDIED: &str = "
hard alone a every all at in with for on from to and but so because when while there here now right it that this too very really well always often sometimes abroad together online harder more less better
day night your my his her people you together late early tonight today tomorrow by until till about how what why
";

/// Given names that are known as such after "im", even in small letters. Left out are those that are words, too.
pub(super) const GIVEN_NAMES: &str = "
james john robert michael david william richard joseph thomas christopher charles daniel matthew anthony steven andrew paul joshua kenneth kevin brian george timothy ronald jason edward jeffrey ryan jacob
gary nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory alexander patrick jack dennis jerry tyler aaron jose adam nathan henry zachary douglas peter kyle noah ethan jeremy
christian walter keith austin roger terry sean gerald carl dylan harold jordan jesse bryan lawrence arthur gabriel bruce logan billy joe alan juan elijah willie albert wayne randy vincent mason roy ralph
bobby russell bradley philip eugene liam oliver lucas leo oscar theo felix hugo max tom ben sam alex dan matt mike nick chris tim jim luke danny tommy jake josh zack
mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca sharon laura
cynthia dorothy amy kathleen angela shirley emma brenda pamela nicole anna samantha katherine christine helen debra rachel carolyn janet maria catherine heather diane olivia julie joyce victoria ruth virginia
lauren kelly christina joan evelyn judith andrea hannah megan cheryl jacqueline martha madison teresa gloria sara janice ann kathryn abigail sophia frances jean alice judy isabella julia denise amber
danielle marilyn beverly charlotte natalie theresa diana brittany kayla alexis lori tiffany kate katie lucy chloe ella mia zoe sophie sofia lena nina eva clara elena lily kim jenny annie maggie molly
";

/// What children and grown-ups are taught.
pub(super) const SUBJECTS: &str = "
maths math mathematics english korean japanese chinese french german spanish history science physics chemistry biology geography music art piano violin guitar drums singing dance dancing ballet yoga pilates
swimming tennis economics philosophy literature latin programming coding drawing painting
";

/// What bodies take badly, without a plural's s.
pub(super) const ALLERGENS: &str = "
peanut nut almond cashew walnut hazelnut pistachio egg milk dairy wheat gluten soy sesame fish shellfish shrimp prawn crab lobster oyster kiwi mango peach strawberry strawberrie banana tomato tomatoe celery
mustard pollen cat dog dust latex penicillin bee wasp
";
